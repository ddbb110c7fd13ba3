// Package redact hides secrets. It is the one place that says what a secret is, by the name of an option or a variable,
// by its place in a URI or by its field in a spec, and what is shown instead. The API shows specs through [Spec] and takes
// them back through [Restore]; the journal is written through [ForJournal]; messages that may quote a URI pass through
// [Text].
//
// It never shortens or reorders what it hides something in, so that a masked spec can be edited and sent back.
package redact

// Mask stands for the value of a secret wherever one would be shown, as in Flink's own web UI.
const Mask = "******"
