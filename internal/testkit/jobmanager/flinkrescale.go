package jobmanager

import (
	"encoding/json"
	"net/http"
)

// bounds are those of a vertex in the requirements of a job.
type bounds struct {
	Parallelism struct {
		Lower int `json:"lowerBound"`
		Upper int `json:"upperBound"`
	} `json:"parallelism"`
}

// notAdaptive is how a scheduler that is not the adaptive one answers.
const notAdaptive = `<Exception on server side:
java.util.concurrent.CompletionException: java.lang.UnsupportedOperationException: Cannot update job resource requirements when the adaptive scheduler is not used.
	at a.b.C(D.java:1)
End of exception on server side>`

// showRequirements answers GET /jobs/:id/resource-requirements.
func (f *Flink) showRequirements(w http.ResponseWriter, j *job) {
	if !f.o.Adaptive {
		refuse(w, http.StatusInternalServerError, "Internal server error.", notAdaptive)
		return
	}
	var b bounds
	b.Parallelism.Lower, b.Parallelism.Upper = 1, j.upper()
	reply(w, http.StatusOK, map[string]bounds{vertexID: b})
}

// upper is the parallelism that a job is to have.
func (j *job) upper() int {
	if j.wanted > 0 {
		return j.wanted
	}
	return j.parallelism
}

// setRequirements answers PUT /jobs/:id/resource-requirements: the job is rescaled when there are slots, and runs on
// until then.
func (f *Flink) setRequirements(w http.ResponseWriter, r *http.Request, j *job) {
	var all map[string]bounds
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(&all); err != nil {
		refuse(w, http.StatusBadRequest, "Request did not match expected format JobResourceRequirementsBody.")
		return
	}
	b, ok := all[vertexID]
	switch {
	case !f.o.Adaptive:
		refuse(w, http.StatusInternalServerError, "Internal server error.", notAdaptive)
		return
	case !ok || len(all) != 1 || b.Parallelism.Lower < 1 || b.Parallelism.Upper < b.Parallelism.Lower:
		refuse(w, http.StatusBadRequest, "The requested resource requirements are invalid.")
		return
	}
	j.wanted = b.Parallelism.Upper
	f.place()
	reply(w, http.StatusOK, map[string]any{})
}

// rescale gives a running job the parallelism that it is to have, if there are slots for it. It says how many it lacks.
func (f *Flink) rescale(j *job, free int) (missing int) {
	if j.wanted == 0 || j.wanted == j.parallelism || j.over() {
		return 0
	}
	if lacks := j.wanted - len(j.at) - free; lacks > 0 {
		return lacks
	}
	f.free(j)
	j.parallelism, j.state = j.wanted, "RESTARTING"
	return 0
}
