package admin

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/flink-on-mesos/flink-service/internal/app"
	"github.com/flink-on-mesos/flink-service/internal/audit"
	"github.com/flink-on-mesos/flink-service/internal/config"
)

func (p *program) newAudit() *cobra.Command {
	return group(&cobra.Command{Use: "audit", Short: "Work with the audit record"}, p.newAuditVerify())
}

func (p *program) newAuditVerify() *cobra.Command {
	known := ""
	cmd := &cobra.Command{
		Use:   "verify [DIR]",
		Short: "Check that no entry of the audit record was changed or removed",
		Long: `Check the audit record of DATA_DIR, or in another directory: that no entry was changed, removed or put between. It prints
the hash of the newest entry; keep it elsewhere, and give it to --contains later: who can write the files can
otherwise write all of them anew.`,
		Args: atMost(1),
		RunE: func(_ *cobra.Command, args []string) error {
			dir := ""
			if len(args) > 0 {
				dir = args[0]
			} else {
				c, err := config.Load(p.environ)
				if err != nil {
					return err
				}
				dir = app.AuditDir(c)
			}
			v, err := audit.Verify(dir, known)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(p.out, "%d entries, from %d (%s) to %d (%s): none was changed or removed\nhash of the newest: %s\n",
				v.Entries, v.First.Number, v.First.Time.Format(time.RFC3339), v.Last.Number, v.Last.Time.Format(time.RFC3339), v.Last.Hash)
			return err
		},
	}
	cmd.Flags().StringVar(&known, "contains", "", "the hash of an entry that must be there")
	return cmd
}
