package protocol

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"

	"github.com/gogo/protobuf/proto"
	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// mesos-go has no messages for offer constraints. These have the numbers and names of
// include/mesos/v1/scheduler/scheduler.proto; what is a oneof there is a set of pointers here.

type constrainedCall struct {
	Subscribe       *constrainedRoles `protobuf:"bytes,3,opt,name=subscribe" json:"subscribe"`
	UpdateFramework *constrainedRoles `protobuf:"bytes,19,opt,name=update_framework" json:"update_framework"`
}

type constrainedRoles struct {
	OfferConstraints *OfferConstraints `protobuf:"bytes,3,opt,name=offer_constraints" json:"offer_constraints"`
}

// OfferConstraints say which agents are offered to a framework, by role.
type OfferConstraints struct {
	RoleConstraints map[string]*roleConstraints `protobuf:"bytes,1,rep,name=role_constraints" protobuf_key:"bytes,1,opt,name=key" protobuf_val:"bytes,2,opt,name=value" json:"role_constraints"`
}

type roleConstraints struct {
	Groups []*constraintGroup `protobuf:"bytes,1,rep,name=groups" json:"groups"`
}

type constraintGroup struct {
	AttributeConstraints []*attributeConstraint `protobuf:"bytes,1,rep,name=attribute_constraints" json:"attribute_constraints"`
}

type attributeConstraint struct {
	Selector  *constraintSelector  `protobuf:"bytes,1,req,name=selector" json:"selector"`
	Predicate *constraintPredicate `protobuf:"bytes,2,req,name=predicate" json:"predicate"`
}

type constraintSelector struct {
	PseudoattributeType *pseudoattribute `protobuf:"varint,1,opt,name=pseudoattribute_type" json:"pseudoattribute_type"`
	AttributeName       *string          `protobuf:"bytes,2,opt,name=attribute_name" json:"attribute_name"`
}

type constraintPredicate struct {
	Exists         *constraintText `protobuf:"bytes,1,opt,name=exists" json:"exists"`
	NotExists      *constraintText `protobuf:"bytes,2,opt,name=not_exists" json:"not_exists"`
	TextEquals     *constraintText `protobuf:"bytes,3,opt,name=text_equals" json:"text_equals"`
	TextNotEquals  *constraintText `protobuf:"bytes,4,opt,name=text_not_equals" json:"text_not_equals"`
	TextMatches    *constraintText `protobuf:"bytes,5,opt,name=text_matches" json:"text_matches"`
	TextNotMatches *constraintText `protobuf:"bytes,6,opt,name=text_not_matches" json:"text_not_matches"`
}

// constraintText holds what a predicate compares with; in JSON the name of the one field differs.
type constraintText struct {
	Value *string `protobuf:"bytes,1,opt,name=value"`
}

func (t *constraintText) UnmarshalJSON(text []byte) error {
	var either struct{ Value, Regex *string }
	err := json.Unmarshal(text, &either)
	t.Value = cmp.Or(either.Value, either.Regex)
	return err
}

func (t *constraintText) text() string {
	if t.Value == nil {
		return ""
	}
	return *t.Value
}

// pseudoattribute is what of an agent is like an attribute.
type pseudoattribute int32

var pseudoattributes = []string{"UNKNOWN", "HOSTNAME", "REGION", "ZONE"}

func (p *pseudoattribute) UnmarshalJSON(text []byte) error {
	var name string
	if err := json.Unmarshal(text, &name); err != nil {
		return err
	}
	*p = pseudoattribute(max(0, slices.Index(pseudoattributes, name)))
	return nil
}

func (m *constrainedCall) Reset()             { *m = constrainedCall{} }
func (m *constrainedCall) String() string     { return proto.CompactTextString(m) }
func (*constrainedCall) ProtoMessage()        {}
func (m *constrainedRoles) Reset()            { *m = constrainedRoles{} }
func (m *constrainedRoles) String() string    { return proto.CompactTextString(m) }
func (*constrainedRoles) ProtoMessage()       {}
func (m *roleConstraints) Reset()             { *m = roleConstraints{} }
func (m *roleConstraints) String() string     { return proto.CompactTextString(m) }
func (*roleConstraints) ProtoMessage()        {}
func (m *constraintGroup) Reset()             { *m = constraintGroup{} }
func (m *constraintGroup) String() string     { return proto.CompactTextString(m) }
func (*constraintGroup) ProtoMessage()        {}
func (x *attributeConstraint) Reset()         { *x = attributeConstraint{} }
func (x *attributeConstraint) String() string { return proto.CompactTextString(x) }
func (*attributeConstraint) ProtoMessage()    {}
func (m *constraintSelector) Reset()          { *m = constraintSelector{} }
func (m *constraintSelector) String() string  { return proto.CompactTextString(m) }
func (*constraintSelector) ProtoMessage()     {}
func (m *constraintPredicate) Reset()         { *m = constraintPredicate{} }
func (m *constraintPredicate) String() string { return proto.CompactTextString(m) }
func (*constraintPredicate) ProtoMessage()    {}
func (t *constraintText) Reset()              { *t = constraintText{} }
func (t *constraintText) String() string      { return proto.CompactTextString(t) }
func (*constraintText) ProtoMessage()         {}

// Reset implements proto.Message.
func (c *OfferConstraints) Reset() { *c = OfferConstraints{} }

// String implements proto.Message.
func (c *OfferConstraints) String() string { return proto.CompactTextString(c) }

// ProtoMessage implements proto.Message.
func (*OfferConstraints) ProtoMessage() {}

// readConstraints finds the constraints in the body of a call; nil for none.
func readConstraints(body []byte, media string) (*OfferConstraints, error) {
	var c constrainedCall
	var err error
	if media == mediaProtobuf {
		err = proto.Unmarshal(body, &c)
	} else {
		err = json.Unmarshal(body, &c)
	}
	if err != nil {
		return nil, fmt.Errorf("offer constraints: %w", err)
	}
	for _, r := range []*constrainedRoles{c.Subscribe, c.UpdateFramework} {
		if r != nil && r.OfferConstraints != nil {
			return r.OfferConstraints, nil
		}
	}
	return nil, nil //nolint:nilnil // Most calls have none.
}

// Check says what the master refuses in the constraints of a framework with these roles; empty for nothing.
func (c *OfferConstraints) Check(roles []string) string {
	if c == nil {
		return ""
	}
	for _, role := range slices.Sorted(maps.Keys(c.RoleConstraints)) {
		r := c.RoleConstraints[role]
		if !slices.Contains(roles, role) {
			return "Offer constraints specify role '" + role + "' that is not contained in the set of roles"
		}
		if r == nil || len(r.Groups) == 0 {
			return "RoleConstraints must contain at least one Group: role '" + role + "'"
		}
		for _, g := range r.Groups {
			if len(g.AttributeConstraints) == 0 {
				return "Group must contain at least one AttributeConstraint: role '" + role + "'"
			}
			for _, a := range g.AttributeConstraints {
				if a.Selector == nil || a.Predicate == nil || (a.Selector.PseudoattributeType == nil) == (a.Selector.AttributeName == nil) {
					return "AttributeConstraint needs a selector and a predicate: role '" + role + "'"
				}
				for _, p := range []*constraintText{a.Predicate.TextMatches, a.Predicate.TextNotMatches} {
					if p == nil {
						continue
					}
					if _, err := regexp.Compile(p.text()); err != nil {
						return "Failed to construct regex from pattern '" + p.text() + "': " + err.Error()
					}
				}
			}
		}
	}
	return ""
}

// Place is what constraints look at in an agent. Region and zone are empty for none.
type Place struct {
	Hostname, Region, Zone string
	Attributes             []mesos.Attribute
}

// Excludes says whether an agent is not to be offered to a role.
func (c *OfferConstraints) Excludes(a Place, role string) bool {
	if c == nil || c.RoleConstraints[role] == nil {
		return false
	}
	return !slices.ContainsFunc(c.RoleConstraints[role].Groups, func(g *constraintGroup) bool {
		return !slices.ContainsFunc(g.AttributeConstraints, func(x *attributeConstraint) bool { return !x.met(a) })
	})
}

// met evaluates a constraint as mesos, offer_constraints_filter.cpp: an attribute that is not a text satisfies every
// comparison, and of several with one name the first counts.
func (x *attributeConstraint) met(a Place) bool {
	value, has, text := "", true, true
	switch {
	case x.Selector.AttributeName != nil:
		at := slices.IndexFunc(a.Attributes, func(b mesos.Attribute) bool { return b.Name == *x.Selector.AttributeName })
		if has = at >= 0; has {
			text, value = a.Attributes[at].Type == mesos.TEXT, a.Attributes[at].Text.GetValue()
		}
	case *x.Selector.PseudoattributeType == 1:
		value = a.Hostname
	case *x.Selector.PseudoattributeType == 2:
		value, has = a.Region, a.Region != ""
	default:
		value, has = a.Zone, a.Region != ""
	}
	p := x.Predicate
	switch {
	case p.Exists != nil:
		return has
	case p.NotExists != nil:
		return !has
	case p.TextEquals != nil:
		return has && (!text || value == p.TextEquals.text())
	case p.TextNotEquals != nil:
		return !has || !text || value != p.TextNotEquals.text()
	case p.TextMatches != nil:
		return has && (!text || fullMatch(p.TextMatches.text(), value))
	case p.TextNotMatches != nil:
		return !has || !text || !fullMatch(p.TextNotMatches.text(), value)
	}
	return true
}

func fullMatch(pattern, value string) bool {
	re, err := regexp.Compile("^(?:" + pattern + ")$")
	return err == nil && re.MatchString(value)
}
