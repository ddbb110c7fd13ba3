package api

import (
	"errors"
	"net/http"

	"github.com/flink-on-mesos/flink-service/internal/fault"
	"github.com/flink-on-mesos/flink-service/internal/spec"
	"github.com/flink-on-mesos/flink-service/internal/wire"
)

// importFiles answers the spec that the files of flink-mesos make, and what this service would refuse about it. Nothing is
// created or kept. The spec has its secrets unmasked, since it could not be created otherwise: they go back to the one
// who sent them.
func (a *API) importFiles(w http.ResponseWriter, r *http.Request) error {
	files, err := readDocument[wire.OldFiles](a, w, r, "the request")
	if err != nil {
		return err
	}
	if a.o.Import == nil {
		return fault.New(fault.Unavailable, "this instance does not support imports")
	}
	imported, err := a.o.Import(files)
	if err != nil {
		return err
	}
	if _, _, err := a.o.Admit(imported.Spec, spec.Spec{}); err != nil {
		f, ok := errors.AsType[*fault.Error](err)
		if !ok {
			return err
		}
		if imported.Problems = f.Details; len(imported.Problems) == 0 {
			imported.Problems = []fault.Detail{{Message: f.Message}}
		}
	}
	return answer(w, http.StatusOK, imported)
}
