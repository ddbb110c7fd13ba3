package document

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// parseYAML reads one YAML document. The parser makes nodes and resolves nothing, so that an alias costs what is written;
// its own limit of nesting, 10,000, bounds what it does before the nodes are looked at.
func parseYAML(data []byte) (*node, error) {
	if at := invalidUTF8(data); at >= 0 {
		return nil, atOffset(data, int64(at), notUTF8)
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var document, second yaml.Node
	if err := decoder.Decode(&document); errors.Is(err, io.EOF) {
		return &node{line: 1}, nil
	} else if err != nil {
		return nil, yamlError(data, err)
	}
	switch err := decoder.Decode(&second); {
	case errors.Is(err, io.EOF):
	case err != nil:
		return nil, yamlError(data, err)
	default:
		return nil, position(second.Line, second.Column, "a second document begins: send one at a time")
	}
	if document.Kind == yaml.DocumentNode && len(document.Content) == 1 {
		document = *document.Content[0]
	}
	return yamlTree("", &document, 0)
}

// unknownAnchor finds the name in the parser's error for an alias of nothing.
var unknownAnchor = regexp.MustCompile(`unknown anchor '(.*)' referenced`)

const noAnchors = "anchors and aliases (& and *) are not read here: write the value out, or put it in quotes"

// yamlError puts an error of the parser into plain words.
func yamlError(data []byte, err error) error {
	message := strings.TrimPrefix(strings.Join(strings.Fields(err.Error()), " "), "yaml: ")
	if strings.Contains(message, "exceeded max depth") {
		return errors.New(tooDeep)
	}
	if m := unknownAnchor.FindStringSubmatch(message); m != nil {
		if at := bytes.Index(data, []byte("*"+m[1])); at >= 0 {
			return atOffset(data, int64(at)+1, noAnchors)
		}
		return errors.New(noAnchors)
	}
	return errors.New(shorten(message))
}

func yamlTree(path string, y *yaml.Node, depth int) (*node, error) {
	n := &node{line: y.Line, text: y.Value}
	if y.Kind == yaml.AliasNode || y.Anchor != "" {
		return nil, position(y.Line, y.Column, noAnchors)
	}
	switch y.Kind { //nolint:exhaustive // A document node is unwrapped by the caller, and aliases are refused above.
	case yaml.MappingNode, yaml.SequenceNode:
		if depth == MaxDepth {
			return nil, position(y.Line, y.Column, tooDeep)
		}
		if y.Kind == yaml.SequenceNode {
			n.kind = list
			return n, yamlList(path, n, y, depth+1)
		}
		n.kind = object
		return n, yamlObject(path, n, y, depth+1)
	case yaml.ScalarNode:
		k, ok := scalarKind(y)
		if !ok {
			return nil, position(y.Line, y.Column, "the tag %s is not known here: write the value as text", shorten(y.Tag))
		}
		n.kind = k
	}
	return n, nil
}

// scalarKind says what a scalar is. A date is text.
func scalarKind(y *yaml.Node) (k kind, ok bool) {
	switch y.ShortTag() {
	case "!!null":
		return null, true
	case "!!bool":
		return boolean, true
	case "!!int", "!!float":
		return number, true
	case "!!str", "!!timestamp", "!!merge":
		return text, true
	}
	return null, false
}

func yamlList(path string, n *node, y *yaml.Node, depth int) error {
	for i, c := range y.Content {
		v, err := yamlTree(indexed(path, i), c, depth)
		if err != nil {
			return err
		}
		n.items = append(n.items, v)
	}
	return nil
}

func yamlObject(path string, n *node, y *yaml.Node, depth int) error {
	seen := map[string]bool{}
	for i := 0; i+1 < len(y.Content); i += 2 {
		key := y.Content[i]
		if k, ok := scalarKind(key); key.Kind != yaml.ScalarNode || !ok || k == null {
			return position(key.Line, key.Column, "a name below %s is not a text", shorten(join(path, "")))
		}
		if key.Anchor != "" {
			return position(key.Line, key.Column, noAnchors)
		}
		at := join(path, key.Value)
		if seen[key.Value] {
			return position(key.Line, key.Column, "the field %s is there twice", at)
		}
		seen[key.Value] = true
		v, err := yamlTree(at, y.Content[i+1], depth)
		if err != nil {
			return err
		}
		n.names, n.items = append(n.names, key.Value), append(n.items, v)
	}
	return nil
}
