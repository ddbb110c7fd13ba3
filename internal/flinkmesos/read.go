package flinkmesos

import (
	"errors"
	"fmt"
	"strings"

	yaml "sigs.k8s.io/yaml/goyaml.v2"
)

// flat reads a flink-conf.yaml as Flink did until 1.18 (GlobalConfiguration): it is no YAML. What follows a # is a
// comment wherever it stands, key and value are divided by the first colon with a blank, nothing is quoted, and a line
// of any other form is left out.
func (m *importer) flat(file string) {
	number := 0
	for line := range strings.SplitSeq(strings.TrimPrefix(file, "\ufeff"), "\n") {
		number++
		line, _, _ = strings.Cut(line, "#")
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		key, value, ok := strings.Cut(line, ": ")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		if !ok || key == "" || value == "" {
			// The text may be half of a secret, so that only what stands before a colon is shown.
			shown, _, colon := strings.Cut(line, ":")
			if !colon {
				shown = fmt.Sprintf("line %d", number)
			}
			m.without(flatFile, strings.TrimSpace(shown), fmt.Sprintf("line %d is not \"key: value\": Flink left it out", number))
			continue
		}
		m.add(flatFile, key, value)
	}
}

// nested reads a config.yaml as Flink does since 1.19: YAML, in which the keys of objects within objects are joined by
// dots. A list becomes the text of a list, which Flink reads as one again.
func (m *importer) nested(file string) error {
	var top yaml.MapSlice // It is read a second time for the order.
	var document map[string]node
	for _, to := range []any{&top, &document} {
		if err := yaml.UnmarshalStrict([]byte(file), to); err != nil {
			return errors.New(strings.Join(strings.Fields(strings.TrimPrefix(err.Error(), "yaml: ")), " "))
		}
	}
	return m.object("", top, document)
}

func (m *importer) object(prefix string, order yaml.MapSlice, values map[string]node) error {
	for _, item := range order {
		name := fmt.Sprint(item.Key)
		key, value := prefix+name, values[name]
		inner, _ := item.Value.(yaml.MapSlice)
		switch {
		case value.object != nil:
			if err := m.object(key+".", inner, value.object); err != nil {
				return err
			}
		case value.list != nil:
			text, err := listText(value.list)
			if err != nil {
				return fmt.Errorf("%s: %w", key, err)
			}
			m.add(nestedFile, key, text)
		case !value.set:
			m.without(nestedFile, key, "has no value")
		case strings.EqualFold(value.text, "true"), strings.EqualFold(value.text, "false"):
			m.add(nestedFile, key, strings.ToLower(value.text)) // Flink knows them in every case.
		default:
			m.add(nestedFile, key, value.text)
		}
	}
	return nil
}

// node is a value of a YAML document with the text that was written: YAML 1.2, which Flink reads, has fewer words for
// true, and fewer numbers, than the parser here.
type node struct {
	text   string
	set    bool
	list   []node
	object map[string]node
}

// UnmarshalYAML implements yaml.Unmarshaler. Null never gets here.
func (n *node) UnmarshalYAML(unmarshal func(any) error) error {
	n.set = true
	if unmarshal(&n.object) == nil && n.object != nil {
		return nil
	}
	n.object = nil
	if unmarshal(&n.list) == nil && n.list != nil {
		return nil
	}
	n.list = nil
	return unmarshal(&n.text)
}

// listText writes a list on one line, each text in quotes.
func listText(list []node) (string, error) {
	texts := make([]string, 0, len(list))
	for _, e := range list {
		if e.list != nil || e.object != nil {
			return "", errors.New("a list within an option holds more than texts")
		}
		texts = append(texts, "'"+strings.ReplaceAll(e.text, "'", "''")+"'")
	}
	return "[" + strings.Join(texts, ", ") + "]", nil
}
