package admin

import (
	"github.com/spf13/cobra"

	"github.com/flink-on-mesos/flink-service/internal/render"
)

func (p *program) newRender() *cobra.Command {
	docker := false
	marathon := &cobra.Command{
		Use:   "marathon",
		Short: "Write a Marathon app",
		Args:  atMost(0),
		RunE:  func(*cobra.Command, []string) error { return p.write(render.Marathon(p.environ, docker)) },
	}
	marathon.Flags().BoolVar(&docker, "docker", false, "run the service in the image RENDER_IMAGE")
	systemd := &cobra.Command{
		Use:   "systemd",
		Short: "Write a systemd unit",
		Args:  atMost(0),
		RunE:  func(*cobra.Command, []string) error { return p.write(render.Systemd(p.environ)) },
	}
	return group(&cobra.Command{
		Use:   "render",
		Short: "Write what starts the service on another machine",
		Long: `Write a Marathon app or a systemd unit that starts the service with the FLINK_SERVICE_ variables of this environment.
RENDER_ variables say the rest, see docs/install.md.`,
	}, marathon, systemd)
}

// write prints what was made.
func (p *program) write(text []byte, err error) error {
	if err != nil {
		return err
	}
	_, err = p.out.Write(text)
	return err
}
