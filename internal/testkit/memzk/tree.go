package memzk

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"
)

// code is an error code of ZooKeeper; 0 is none.
type code int32

const (
	ok                    code = 0
	runtimeInconsistency  code = -2
	unimplemented         code = -6
	badArguments          code = -8
	noNode                code = -101
	badVersion            code = -103
	noChildrenOfEphemeral code = -108
	nodeExists            code = -110
	notEmpty              code = -111
)

// node is one of the tree.
type node struct {
	data                               []byte
	created, modified, childrenChanged int64 // The numbers of changes.
	createdAt, modifiedAt              int64 // In milliseconds.
	version, childVersion              int32
	// owner is the session with which the node goes; 0 for none.
	owner    int64
	children map[string]bool
}

// The kinds of a watch event.
const (
	nodeCreated     = 1
	nodeDeleted     = 2
	dataChanged     = 3
	childrenChanged = 4
)

// change is one operation that changes the tree, or the check of a version.
type change struct {
	op      int32
	path    string
	data    []byte
	flags   int32
	version int32
}

const (
	ephemeral  = 1
	sequential = 2
)

// perform makes one change for a session. It returns how to undo it, and the path of the node.
func (s *Server) perform(c change, session int64) (made string, undo func(), problem code) {
	if !strings.HasPrefix(c.path, "/") || c.path != path.Clean(c.path) {
		return "", nil, badArguments
	}
	n := s.nodes[c.path]
	switch {
	case c.op == opCreate:
		return s.create(c, session)
	case n == nil:
		return "", nil, noNode
	case c.version != -1 && c.version != n.version:
		return "", nil, badVersion
	case c.op == opCheck:
		return c.path, func() {}, ok
	case c.op == opSetData:
		before := *n
		n.data, n.modified, n.modifiedAt, n.version = c.data, s.zxid, now(), n.version+1
		return c.path, func() { *n = before }, ok
	case c.op == opDelete && len(n.children) > 0:
		return "", nil, notEmpty
	case c.op == opDelete && c.path != "/":
		return c.path, s.remove(c.path), ok
	}
	return "", nil, badArguments
}

func (s *Server) create(c change, session int64) (made string, undo func(), problem code) {
	parent := s.nodes[path.Dir(c.path)]
	switch {
	case parent == nil:
		return "", nil, noNode
	case parent.owner != 0:
		return "", nil, noChildrenOfEphemeral
	}
	if c.flags&sequential != 0 {
		c.path += fmt.Sprintf("%010d", parent.childVersion)
	}
	if s.nodes[c.path] != nil {
		return "", nil, nodeExists
	}
	n := &node{data: c.data, created: s.zxid, modified: s.zxid, childrenChanged: s.zxid, createdAt: now(), modifiedAt: now(), children: map[string]bool{}}
	if c.flags&ephemeral != 0 {
		n.owner = session
	}
	before := *parent
	s.nodes[c.path] = n
	parent.children[path.Base(c.path)] = true
	parent.childVersion++
	parent.childrenChanged = s.zxid
	return c.path, func() {
		delete(s.nodes, c.path)
		*parent = before
		delete(parent.children, path.Base(c.path))
	}, ok
}

// remove deletes a node that has no children.
func (s *Server) remove(name string) (undo func()) {
	n, parent := s.nodes[name], s.nodes[path.Dir(name)]
	before := *parent
	delete(s.nodes, name)
	delete(parent.children, path.Base(name))
	parent.childVersion++
	parent.childrenChanged = s.zxid
	return func() {
		s.nodes[name] = n
		*parent = before
		parent.children[path.Base(name)] = true
	}
}

// apply makes changes, all or none. It returns what became of each, and tells those who watch.
func (s *Server) apply(changes []change, session int64) (made []string, problems []code) {
	s.zxid++
	made, problems = make([]string, len(changes)), make([]code, len(changes))
	var undo []func()
	for i, c := range changes {
		var back func()
		if made[i], back, problems[i] = s.perform(c, session); problems[i] != ok {
			for _, u := range slices.Backward(undo) {
				u()
			}
			for j := i + 1; j < len(changes); j++ {
				problems[j] = runtimeInconsistency
			}
			return made, problems
		}
		undo = append(undo, back)
	}
	for i, c := range changes {
		s.tell(c.op, made[i])
	}
	return made, problems
}

// tell fires the watches that a change of a node concerns.
func (s *Server) tell(op int32, name string) {
	switch op {
	case opCreate:
		s.fire(name, nodeCreated, false)
		s.fire(path.Dir(name), childrenChanged, true)
	case opDelete:
		s.fire(name, nodeDeleted, false)
		s.fire(name, nodeDeleted, true)
		s.fire(path.Dir(name), childrenChanged, true)
	case opSetData:
		s.fire(name, dataChanged, false)
	}
}

// fire tells each connection once that watches a node, or the children of one.
func (s *Server) fire(name string, kind int32, children bool) {
	for c := range s.clients {
		watches, other := c.data, c.children
		if children {
			watches, other = c.children, c.data
		}
		if !watches[name] {
			continue
		}
		delete(watches, name)
		if kind == nodeDeleted {
			delete(other, name) // The library hears of it once.
		}
		c.event(kind, name)
	}
}

func now() int64 { return time.Now().UnixMilli() }
