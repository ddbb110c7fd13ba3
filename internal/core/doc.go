// Package core makes the decisions of the service. Step folds one event into the state and says what
// must be done about it; package loop owns the state and performs the actions. The core reads no clock,
// draws no random number and performs nothing: time, ids and chance arrive inside events.
//
// Five questions, each with a room of its own; arrows point downward only:
//
//	                  Step(state, event, now) → (state, actions)
//	      ┌─────────────────────────┼──────────────────────────┐
//	offers  WHERE             tasks  WHAT MESOS RUNS        view  WHAT PEOPLE SEE
//	      │                         │                          │
//	      │                   lifecycle  WHAT SHOULD RUN ◄─────┤
//	      └───────────┬─────────────┘                          │
//	            workers  HOW MANY, WHICH                       │
//	                  └───────────── state  WHAT IS KNOWN ◄────┘
//
// What Step promises:
//
//  1. The state that is passed in stays as it was; the same arguments give the same result.
//  2. Save stands before every action that relies on what it saves: launch, kill, acknowledgement, answer.
//  3. A status update is acknowledged once, last, after everything that follows from it is saved.
//  4. No offer is held: each is used or declined in the step that brings it.
//  5. Never more tasks run than are wanted, plus what a replacement needs at once.
//  6. A running task that is not known is killed; an ended one that is not known is only acknowledged.
//  7. A JobManager of a new submission is launched after every JobManager of the one before has ended, and
//     its TaskManagers after every task of that; two programs never run at once.
//  8. A job that had state never starts without it, unless the upgrade mode is stateless.
//  9. A task whose agent is unreachable is kept for as long as it answers. It is given up when it does not while
//     something else does, or when nothing has answered for the timeout.
//
// Package check holds these promises against every step of the property tests, the scenarios, the simulations and a
// replay (flink-service replay).
//
// The states of a cluster:
//
//	CREATED ───► DEPLOYED ◄──► STABLE       CREATED: waits for a JobManager to be placed
//	               ▲   │         │          DEPLOYED: something that is wanted does not run yet
//	               │   ▼         ▼          STABLE: all is registered, and the job runs
//	SUSPENDED ◄──► UPGRADING ◄───┘          UPGRADING: jobs are being stopped for a change (Rollout), or the
//	                   ▲                    JobManager of the new program waits for its place
//	FINISHED, FAILED ──┘                    (FINISHED, FAILED and DELETING can follow on every state)
//
// A rollout of a program whose job keeps state (lifecycle.Choose decides the method):
//
//	put ──► wait ──► stop with savepoint ──► submit
//	          ├────► cancel, keep checkpoint ──► submit
//	          ├────► end JobManagers ──► look up the newest checkpoint ──► submit
//	          └────► submit (the state is known)      refuse: nothing is stopped
package core
