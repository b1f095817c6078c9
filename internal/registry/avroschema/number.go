package avroschema

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// integer says whether v is an integer of so many bits.
func (v *value) integer(bits int) bool {
	if v.kind != 'i' {
		return false
	}
	_, err := strconv.ParseInt(v.text, 10, bits)
	return err == nil
}

// javaDouble spells a number as Java's Double.toString (of JDK 19 and newer: the
// fewest digits that mean this number).
func javaDouble(f float64) string {
	switch abs := math.Abs(f); {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 0):
		if f < 0 {
			return "-Infinity"
		}
		return "Infinity"
	case abs == 0 || abs >= 1e-3 && abs < 1e7:
		s := strconv.FormatFloat(f, 'f', -1, 64)
		if !strings.Contains(s, ".") {
			s += ".0"
		}
		return s
	}
	mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(f, 'e', -1, 64), "e")
	if !strings.Contains(mantissa, ".") {
		mantissa += ".0"
	}
	n, _ := strconv.Atoi(exponent)
	return mantissa + "E" + strconv.Itoa(n)
}

// parseJavaDouble reads a number as Java's Double.parseDouble: with a sign, a
// suffix, NaN and Infinity, and in hexadecimal if it has an exponent.
func parseJavaDouble(text string) (float64, error) {
	s := strings.TrimFunc(text, func(c rune) bool { return c <= ' ' })
	digits := s
	if s != "" && (s[0] == '-' || s[0] == '+') {
		digits = s[1:]
	}
	switch {
	case digits == "NaN":
		return math.NaN(), nil
	case digits == "Infinity":
		return strconv.ParseFloat(s, 64)
	case digits == "" || digits[0] != '.' && (digits[0] < '0' || digits[0] > '9') || strings.Contains(s, "_"):
		return 0, fmt.Errorf("%q is not a number", text)
	}
	if !strings.HasPrefix(strings.ToLower(digits), "0x") || strings.ContainsAny(s, "pP") {
		if strings.IndexByte("dDfF", s[len(s)-1]) >= 0 {
			s = s[:len(s)-1]
		}
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) { // out of range is infinite, as in Java
		return 0, fmt.Errorf("%q is not a number", text)
	}
	return f, nil
}
