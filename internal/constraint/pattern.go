package constraint

import (
	"errors"
	"regexp"
	"regexp/syntax"
	"strings"
)

// pattern is a regular expression that must match the whole of a value, as with Java's
// String.matches.
type pattern struct {
	// re is nil when the expression is a mere text, which is then literal; with prefix anything
	// may follow it.
	re      *regexp.Regexp
	literal string
	prefix  bool
}

// compilePattern compiles an expression written for Java, and says what is wrong with it.
func compilePattern(expr string) (pattern, string) {
	if message := javaOnly(expr); message != "" {
		return pattern{}, message
	}
	re, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return pattern{}, refused(err)
	}
	if p, ok := plain(re); ok {
		return p, ""
	}
	// What was parsed is written anew: an open quotation (\Q) would swallow the end. The group
	// keeps an alternative at the top, as in "a|b", whole.
	full, err := regexp.Compile(`\A(?:` + re.String() + `)\z`)
	if err != nil {
		return pattern{}, refused(err)
	}
	return pattern{re: full}, ""
}

// plain finds the expressions that need no machine: a text, or a text followed by ".*".
func plain(re *syntax.Regexp) (pattern, bool) {
	parts := []*syntax.Regexp{re}
	if re.Op == syntax.OpConcat {
		parts = re.Sub
	}
	var p pattern
	for i, part := range parts {
		switch {
		case part.Op == syntax.OpLiteral && part.Flags&syntax.FoldCase == 0:
			p.literal += string(part.Rune)
		case part.Op == syntax.OpStar && part.Sub[0].Op == syntax.OpAnyCharNotNL && i == len(parts)-1:
			p.prefix = true
		default:
			return pattern{}, false
		}
	}
	return p, true
}

// matches says whether the whole value matches.
func (p *pattern) matches(value string) bool {
	if p.re != nil {
		return p.re.MatchString(value)
	}
	if p.prefix {
		rest, ok := strings.CutPrefix(value, p.literal)
		return ok && !strings.Contains(rest, "\n")
	}
	return value == p.literal
}

// javaOnly refuses what both engines accept but read differently: within a character class Java
// knows unions and intersections, and RE2 takes the same signs for members. A backslash and two
// digits, such as \12, is a character in RE2 and refers back to a group in Java.
func javaOnly(expr string) string {
	const use = "which this service's regular expressions (RE2) do not have: write the characters out"
	class := false
	for i := 0; i < len(expr); i++ {
		rest := expr[i:]
		switch {
		case !class && strings.HasPrefix(rest, `\Q`):
			end := strings.Index(rest, `\E`)
			if end < 0 {
				return ""
			}
			i += end + 1
		case len(rest) > 1 && rest[0] == '\\' && rest[1] >= '1' && rest[1] <= '9':
			return "refers back to a group (" + rest[:2] + ")" + re2
		case rest[0] == '\\':
			i++
		case class && rest[0] == '[':
			return "has a character class within a character class, " + use
		case class && strings.HasPrefix(rest, "&&"):
			return "has an intersection (&&) in a character class, " + use
		case class && rest[0] == ']':
			class = false
		case !class && rest[0] == '[':
			class = true
			if strings.HasPrefix(rest, "[^") {
				i++
			}
			// A bracket that closes at once is a member.
			if strings.HasPrefix(expr[i+1:], "]") {
				i++
			}
		}
	}
	return ""
}

// re2 ends the messages about what only Java has.
const re2 = ", which this service's regular expressions (RE2) do not have: write it another way, or use two rules (LIKE and UNLIKE)"

// refused explains what RE2 refuses. Java's engine has some of it, and rules come from there.
func refused(err error) string {
	var bad *syntax.Error
	if !errors.As(err, &bad) {
		return "is not a regular expression: " + err.Error()
	}
	for _, open := range []string{"(?=", "(?!", "(?<=", "(?<!"} {
		if strings.HasPrefix(bad.Expr, open) {
			return "looks ahead or behind (" + open + ")" + re2
		}
	}
	switch {
	case bad.Code == syntax.ErrInvalidEscape && strings.HasPrefix(bad.Expr, `\k`):
		return "refers back to a group (" + bad.Expr + ")" + re2
	case bad.Code == syntax.ErrInvalidRepeatOp && strings.HasSuffix(bad.Expr, "+"):
		return "has a possessive repetition (" + bad.Expr + ")" + re2
	case bad.Code == syntax.ErrInvalidPerlOp:
		return "has the group " + bad.Expr + re2
	}
	return "is not a regular expression (RE2 syntax): " + bad.Code.String() + " in " + bad.Expr
}
