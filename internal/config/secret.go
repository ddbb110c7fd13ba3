package config

import (
	"log/slog"

	"github.com/flink-on-mesos/flink-service/internal/spec"
)

// hidden stands for a secret wherever one is shown.
const hidden = "[hidden]"

// Secret is a text that no log, error, dump or JSON shows. The zero value is empty.
type Secret struct {
	// A pointer, because fmt prints the unexported fields of a struct without asking their methods.
	text *string
}

// NewSecret hides a text.
func NewSecret(text string) Secret { return Secret{text: &text} }

// Reveal returns the text, for the one place that needs it.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// Empty says that there is no secret.
func (s Secret) Empty() bool { return s.Reveal() == "" }

// Equal compares the texts.
func (s Secret) Equal(other Secret) bool { return s.Reveal() == other.Reveal() }

// String hides the text.
func (s Secret) String() string {
	if s.Empty() {
		return ""
	}
	return hidden
}

// GoString hides the text.
func (s Secret) GoString() string { return s.String() }

// LogValue hides the text.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText hides the text, in JSON too.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText takes a text.
func (s *Secret) UnmarshalText(text []byte) error {
	*s = NewSecret(string(text))
	return nil
}

// Size is an amount of bytes, written as Flink writes memory: 512m, 4g.
type Size int64

// UnmarshalText reads Flink's notation.
func (s *Size) UnmarshalText(text []byte) error {
	m, err := spec.ParseMemory(string(text))
	*s = Size(m)
	return err
}
