package verbalize

import "strings"

// integer returns the spoken forms of a whole number. Four digits without a comma are a year
// first of all; three may be read in two parts, and long ones, or those with a leading
// zero, digit by digit.
func integer(digits string, grouped bool) []string {
	n := value(digits)
	number := []string{cardinal(n, false)}
	if with := cardinal(n, true); with != number[0] {
		number = append(number, with)
	}
	singly := []string{spell(digits, "zero"), spell(digits, "oh")}
	switch {
	case grouped:
		return number
	case len(digits) > 1 && digits[0] == '0', len(digits) > 6:
		return append(singly, number...)
	case len(digits) == 4 && n >= 1100 && n < 2100:
		return append(year(n), number...)
	case len(digits) == 4:
		return append(number, cardinal(n/100, false)+" "+twoDigits(n%100))
	case len(digits) == 3:
		return append(number, ones[n/100]+" "+twoDigits(n%100), singly[0])
	case len(digits) > 4:
		return append(number, singly[0])
	}
	return number
}

// year returns the spoken forms of a year.
func year(n int64) []string {
	switch high, low := n/100, n%100; {
	case low == 0 && high%10 != 0:
		return []string{cardinal(high, false) + " hundred"}
	case high == 20 && low < 10:
		return nil // two thousand and four, as a number
	default:
		return []string{cardinal(high, false) + " " + twoDigits(low)}
	}
}

// twoDigits is the spoken form of the end of a year: oh five, eleven, hundred.
func twoDigits(n int64) string {
	switch {
	case n == 0:
		return "hundred"
	case n < 10:
		return "oh " + ones[n]
	}
	return cardinal(n, false)
}

// cardinal writes n out, with or without the "and" before the last two digits.
func cardinal(n int64, and bool) string {
	if n == 0 {
		return ones[0]
	}
	var groups []string
	for power := 0; n > 0; power++ {
		if g := n % 1000; g > 0 {
			text := hundreds(g, and, n >= 1000)
			if power > 0 {
				text += " " + thousands[power]
			}
			groups = append([]string{text}, groups...)
		}
		n /= 1000
	}
	return strings.Join(groups, " ")
}

// hundreds writes out 1 to 999; more says that thousands stand before it.
func hundreds(n int64, and, more bool) string {
	var words []string
	if n >= 100 {
		words = append(words, ones[n/100], "hundred")
	}
	rest := n % 100
	if and && rest > 0 && (n >= 100 || more) {
		words = append(words, "and")
	}
	switch {
	case rest >= 20 && rest%10 > 0:
		words = append(words, tens[rest/10], ones[rest%10])
	case rest >= 20:
		words = append(words, tens[rest/10])
	case rest > 0:
		words = append(words, ones[rest])
	}
	return strings.Join(words, " ")
}

// ordinal turns "twenty one" into "twenty first".
func ordinal(number string) string {
	at := strings.LastIndex(number, " ") + 1
	last := number[at:]
	switch irregular := ordinals[last]; {
	case irregular != "":
		last = irregular
	case strings.HasSuffix(last, "y"):
		last = last[:len(last)-1] + "ieth"
	default:
		last += "th"
	}
	return number[:at] + last
}

// spell reads digits one by one.
func spell(digits, zero string) string {
	words := make([]string, len(digits))
	for i := range len(digits) {
		words[i] = ones[digits[i]-'0']
		if digits[i] == '0' {
			words[i] = zero
		}
	}
	return strings.Join(words, " ")
}
