package service

import (
	"encoding/base64"
	"maps"

	"github.com/flink-on-mesos/flink-service/internal/document"
)

// readable returns options with the texts that are stored in base64 as a person wrote them.
func readable(schema, options map[string]any) map[string]any {
	return eachEncoded(schema, options, func(text string) string {
		if decoded, ok := document.FromBase64([]byte(text)); ok {
			return string(decoded)
		}
		return text
	})
}

// stored is the reverse of readable: the form of the DC/OS UI can only edit such texts in base64.
func stored(schema, options map[string]any) map[string]any {
	return eachEncoded(schema, options, func(text string) string {
		if _, ok := document.FromBase64([]byte(text)); ok || text == "" {
			return text
		}
		return base64.StdEncoding.EncodeToString([]byte(text))
	})
}

// eachEncoded returns options in which f has changed the texts that the schema declares to be base64
// (media.binaryEncoding). The given options stay as they are.
func eachEncoded(schema, options map[string]any, f func(string) string) map[string]any {
	properties, _ := schema["properties"].(map[string]any)
	out := maps.Clone(options)
	for name, v := range options {
		s, _ := properties[name].(map[string]any)
		media, _ := s["media"].(map[string]any)
		switch v := v.(type) {
		case map[string]any:
			out[name] = eachEncoded(s, v, f)
		case string:
			if media["binaryEncoding"] == "base64" {
				out[name] = f(v)
			}
		}
	}
	return out
}
