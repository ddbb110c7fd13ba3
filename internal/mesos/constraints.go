package mesos

import (
	"github.com/gogo/protobuf/proto"
	"github.com/mesos/mesos-go/api/v1/lib/encoding"
	"github.com/mesos/mesos-go/api/v1/lib/encoding/codecs"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"

	"github.com/flink-on-mesos/flink-service/internal/constraint"
	"github.com/flink-on-mesos/flink-service/internal/core/state"
)

// mesos-go has no messages for offer constraints, which Mesos has since 1.11. They are written by hand, with the
// numbers of include/mesos/v1/scheduler/scheduler.proto.
const (
	// Call.update_framework and UpdateFramework.offer_constraints.
	updateFrameworkField, offerConstraintsField = 19, 3
	// OfferConstraints.role_constraints, whose entries have a key and a value; RoleConstraints.groups; Group.attribute_constraints.
	first, second = 1, 2
	// AttributeConstraint: selector (pseudoattribute_type or attribute_name) and predicate.
	selectorField, predicateField = 1, 2
	pseudoField, attributeField   = 1, 2
	existsField                   = 1
	textEqualsField               = 3
	textNotEqualsField            = 4
)

// pseudo are the numbers of Selector.PseudoattributeType.
var pseudo = map[string]uint64{"@hostname": 1, "@region": 2, "@zone": 3}

// codec is that of mesos-go, but an UPDATE_FRAMEWORK carries the offer constraints.
func (s *Scheduler) codec() encoding.Codec {
	c := codecs.ByMediaType[codecs.MediaTypeProtobuf]
	plain := c.NewEncoder
	c.NewEncoder = func(sink encoding.Sink) encoding.Encoder {
		return encoding.EncoderFunc(func(m encoding.Marshaler) error {
			call, ok := m.(*scheduler.Call)
			if !ok || call.GetType() != scheduler.Call_UPDATE_FRAMEWORK || len(s.constraints) == 0 {
				return plain(sink).Encode(m)
			}
			frame, err := constrained(call, s.constraints)
			if err != nil {
				return err
			}
			return sink().WriteFrame(frame)
		})
	}
	return c
}

// constrained writes an UPDATE_FRAMEWORK with constraints. Its own message is written last, because what is added has to be
// inside of it.
func constrained(call *scheduler.Call, roles []state.RoleConstraints) ([]byte, error) {
	outer := *call
	outer.UpdateFramework = nil
	frame, err := proto.Marshal(&outer)
	if err != nil {
		return nil, err
	}
	update, err := proto.Marshal(call.UpdateFramework)
	if err != nil {
		return nil, err
	}
	return field(frame, updateFrameworkField, field(update, offerConstraintsField, offerConstraints(roles))), nil
}

func offerConstraints(roles []state.RoleConstraints) (out []byte) {
	for _, r := range roles {
		var groups []byte
		for _, g := range r.Groups {
			var group []byte
			for _, c := range g {
				group = field(group, first, attributeConstraint(c))
			}
			groups = field(groups, first, group)
		}
		out = field(out, first, field(field(nil, first, []byte(r.Role)), second, groups))
	}
	return out
}

func attributeConstraint(c constraint.Condition) []byte {
	selector := field(nil, attributeField, []byte(c.Field))
	if n, ok := pseudo[c.Field]; ok {
		selector = append(proto.EncodeVarint(pseudoField<<3|proto.WireVarint), proto.EncodeVarint(n)...)
	}
	var predicate []byte
	switch c.Test {
	case constraint.Exists:
		predicate = field(nil, existsField, nil)
	case constraint.TextEquals:
		predicate = field(nil, textEqualsField, field(nil, first, []byte(c.Value)))
	case constraint.TextNotEquals:
		predicate = field(nil, textNotEqualsField, field(nil, first, []byte(c.Value)))
	}
	return field(field(nil, selectorField, selector), predicateField, predicate)
}

// field appends a field that has a length: a text or a message.
func field(to []byte, number uint64, content []byte) []byte {
	to = append(to, proto.EncodeVarint(number<<3|proto.WireBytes)...)
	to = append(to, proto.EncodeVarint(uint64(len(content)))...)
	return append(to, content...)
}
