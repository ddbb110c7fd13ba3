package api

import (
	"encoding/json"
	"strconv"

	"github.com/flink-on-mesos/flink-service/internal/fault"
)

// yamlReader turns the parser's values into a tree as JSON gives it.
type yamlReader struct {
	// left is what the values that were not seen yet may take, in bytes. A document without
	// aliases takes at least a byte for each value, and two for each three bytes of text (escapes).
	left int
}

func (y *yamlReader) spend(n int) error {
	if y.left -= n + 1; y.left < 0 {
		return fault.New(fault.Malformed, "the spec cannot be read: its aliases (*) repeat more text than it has: write the values out")
	}
	return nil
}

func (y *yamlReader) tree(path string, value any, depth int) (any, error) {
	var text string
	switch v := value.(type) {
	case map[any]any:
		return y.object(path, v, depth)
	case []any:
		return y.list(path, v, depth)
	case string:
		return v, y.spend(len(v))
	case nil:
		return nil, y.spend(-1) // A value that is left out takes no byte.
	case bool:
		return v, y.spend(0)
	case float64:
		return float{text: strconv.FormatFloat(v, 'g', -1, 64)}, y.spend(0)
	case int:
		text = strconv.Itoa(v)
	case int64:
		text = strconv.FormatInt(v, 10)
	case uint64:
		text = strconv.FormatUint(v, 10)
	default:
		return nil, fault.New(fault.Malformed, "the spec cannot be read: %s has a tag that is not known here: write it as text", shorten(path))
	}
	return json.Number(text), y.spend(0)
}

func (y *yamlReader) list(path string, values []any, depth int) (any, error) {
	if err := y.enter(path, depth); err != nil {
		return nil, err
	}
	out := make([]any, len(values))
	for i, v := range values {
		var err error
		if out[i], err = y.tree(indexed(path, i), v, depth+1); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (y *yamlReader) object(path string, values map[any]any, depth int) (any, error) {
	if err := y.enter(path, depth); err != nil {
		return nil, err
	}
	out := make(map[string]any, len(values))
	for key, v := range values {
		name, ok := key.(string)
		if !ok {
			return nil, fault.New(fault.Malformed, "the spec cannot be read: below %s a name is not a text: put it in quotes", shorten(join(path, "")))
		}
		if err := y.spend(len(name) - 1); err != nil {
			return nil, err
		}
		var err error
		if out[name], err = y.tree(join(path, name), v, depth+1); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (y *yamlReader) enter(path string, depth int) error {
	if depth == maxDepth {
		return fault.New(fault.Malformed, "the spec cannot be read: more than %d objects and lists are nested, below %s", maxDepth, shorten(path))
	}
	return y.spend(0)
}
