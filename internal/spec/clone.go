package spec

import (
	"reflect"
)

// Clone returns a copy that shares no map, list or pointer with the spec.
func (s Spec) Clone() Spec {
	var copied Spec
	deepCopy(reflect.ValueOf(&copied).Elem(), reflect.ValueOf(s))
	return copied
}

// deepCopy fills to, which is settable and zero, with a copy of from. A spec is a tree of structs, maps, lists and pointers with
// exported fields only.
func deepCopy(to, from reflect.Value) {
	switch from.Kind() {
	case reflect.Pointer:
		if !from.IsNil() {
			to.Set(reflect.New(from.Type().Elem()))
			deepCopy(to.Elem(), from.Elem())
		}
	case reflect.Struct:
		for i := range from.NumField() {
			deepCopy(to.Field(i), from.Field(i))
		}
	case reflect.Slice:
		if !from.IsNil() {
			to.Set(reflect.MakeSlice(from.Type(), from.Len(), from.Len()))
			for i := range from.Len() {
				deepCopy(to.Index(i), from.Index(i))
			}
		}
	case reflect.Map:
		if !from.IsNil() {
			to.Set(reflect.MakeMapWithSize(from.Type(), from.Len()))
			for k, v := range from.Seq2() {
				value := reflect.New(v.Type()).Elem()
				deepCopy(value, v)
				to.SetMapIndex(k, value)
			}
		}
	default:
		to.Set(from)
	}
}
