package app

import (
	"io"
	"os"
	"time"

	"github.com/flink-on-mesos/flink-service/internal/audit"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
	"github.com/flink-on-mesos/flink-service/internal/eventlog"
	"github.com/flink-on-mesos/flink-service/internal/journal"
	"github.com/flink-on-mesos/flink-service/internal/redact"
)

// recordings are what is written down: the steps of the core, the events of clusters, and who asked for what.
type recordings struct {
	journal *journal.Journal
	events  *eventlog.Log
	audit   *audit.Log
}

// openRecords goes on with what was written down before.
func (p *components) openRecords(st *openedState, stored state.Stored, k keys, began time.Time) error {
	s := p.service
	var err error
	p.journal, err = journal.New(journal.Options{Dir: JournalDir(s.c), Masked: redact.ForJournal, Log: s.log.With("part", "journal")})
	if err != nil {
		return err
	}
	s.steps.add("the journal", p.journal.Close)
	p.journal.Begin(began, stored)
	var also io.Writer
	if s.c.Log.AuditStdout {
		also = os.Stdout
	}
	if p.audit, err = audit.Open(audit.Options{Dir: AuditDir(s.c), Also: also}); err != nil {
		return err
	}
	s.steps.add("the audit record", p.audit.Close)
	if p.events, err = eventlog.New(eventlog.Options{Store: st, Stored: k.events}); err != nil {
		return err
	}
	if !s.c.Marathon.Uninstall {
		s.steps.add("the record of events", p.events.Close)
	}
	return nil
}
