package verbalize

import (
	"slices"
	"strings"
	"unicode"
)

// signNames are how signs are called in English.
var signNames = map[rune]string{'&': "and", '%': "percent", '$': "dollars", '£': "pounds", '€': "euros", '@': "at", '+': "plus", '=': "equals", '°': "degrees"}

// abbreviations that are read in full, or as they are written.
var abbreviations = map[string][]string{
	"mr": {"mister"}, "mrs": {"missus", "misses"}, "ms": {"miss"}, "dr": {"doctor", "drive"}, "st": {"saint", "street"},
	"vs": {"versus"}, "etc": {"et cetera"}, "jr": {"junior"}, "sr": {"senior"}, "prof": {"professor"},
}

// abbreviation returns the spoken forms of an abbreviation, none if the word is an ordinary
// one. Letters in capitals are spelled out, or read as a word.
func (v *Verbalizer) abbreviation(core string, allCaps bool) []string {
	letters := strings.ReplaceAll(core, ".", "")
	if full := abbreviations[strings.ToLower(letters)]; full != nil {
		return append(slices.Clone(full), letters)
	}
	capitals := 0
	for _, r := range letters {
		if !unicode.IsUpper(r) {
			return nil
		}
		capitals++
	}
	dotted := len(core) >= 2*capitals-1
	if capitals < 2 || capitals > 6 || allCaps && !dotted {
		return nil
	}
	spelled := strings.Join(strings.Split(letters, ""), " ")
	if dotted {
		return []string{spelled, v.fold(letters)}
	}
	return []string{v.fold(letters), spelled}
}

var (
	ones      = strings.Fields("zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen")
	tens      = strings.Fields("- - twenty thirty forty fifty sixty seventy eighty ninety")
	thousands = strings.Fields("- thousand million billion trillion")
	ordinals  = map[string]string{"one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth", "twelve": "twelfth"}
)

// number returns the spoken forms of a number with what belongs to it: 12, 1,200, 3.5, 21st,
// 1980s, $5, 5%, 10:30. None if it is not one of these.
func number(text string) []string {
	sign, rest := "", text
	for _, r := range "$£€" {
		if after, ok := strings.CutPrefix(rest, string(r)); ok {
			sign, rest = signNames[r], after
		}
	}
	if before, ok := strings.CutSuffix(rest, "%"); ok && sign == "" {
		sign, rest = signNames['%'], before
	}
	digits := strings.TrimRightFunc(rest, unicode.IsLetter)
	ending := strings.ToLower(rest[len(digits):])
	hours, minutes, clock := strings.Cut(digits, ":")
	whole, fraction, point := strings.Cut(digits, ".")
	whole, grouped := ungroup(whole)
	if len(whole) > 15 || len(fraction) > 15 {
		return nil
	}
	switch {
	case clock:
		if sign != "" || ending != "" || len(hours) > 2 || len(minutes) != 2 || !isDigits(hours) || !isDigits(minutes) {
			return nil
		}
		return clockTime(hours, minutes)
	case !isDigits(whole) || point && !isDigits(fraction):
		return nil
	case sign == "dollars" && len(fraction) == 2 && ending == "":
		w, f := cardinal(value(whole), false), cardinal(value(fraction), false)
		return []string{w + " dollars and " + f + " cents", w + " " + f, w + " dollars " + f}
	case point:
		if ending != "" {
			return nil
		}
		return withSign([]string{cardinal(value(whole), false) + " point " + spell(fraction, "zero"), cardinal(value(whole), false) + " point " + spell(fraction, "oh")}, sign)
	case ending == "st" || ending == "nd" || ending == "rd" || ending == "th":
		return withSign([]string{ordinal(cardinal(value(whole), false)), ordinal(cardinal(value(whole), true))}, sign)
	case ending == "s": // the 1980s
		return plurals(integer(whole, grouped))
	case ending != "":
		return nil
	}
	return withSign(integer(whole, grouped), sign)
}

// ungroup removes the commas between groups of three digits.
func ungroup(s string) (digits string, grouped bool) {
	parts := strings.Split(s, ",")
	for i, p := range parts {
		if i > 0 && len(p) != 3 || len(parts) > 1 && i == 0 && (p == "" || len(p) > 3) {
			return s, false
		}
	}
	return strings.Join(parts, ""), len(parts) > 1
}

func isDigits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

func value(digits string) int64 {
	n := int64(0)
	for i := range len(digits) {
		n = 10*n + int64(digits[i]-'0')
	}
	return n
}

func withSign(forms []string, sign string) []string {
	if sign == "" {
		return forms
	}
	out := make([]string, 0, len(forms))
	for _, w := range forms {
		if w == "one" && sign != signNames['%'] {
			out = append(out, w+" "+strings.TrimSuffix(sign, "s"))
			continue
		}
		out = append(out, w+" "+sign)
	}
	return out
}

func plurals(forms []string) []string {
	for i, w := range forms {
		if before, ok := strings.CutSuffix(w, "y"); ok {
			forms[i] = before + "ies"
			continue
		}
		forms[i] = w + "s"
	}
	return forms
}

// clockTime returns the spoken forms of a time of day.
func clockTime(hours, minutes string) []string {
	h := cardinal(value(hours), false)
	switch {
	case minutes == "00":
		return []string{h + " o'clock", h, h + " hundred"}
	case minutes[0] == '0':
		return []string{h + " oh " + ones[minutes[1]-'0'], h + " " + ones[minutes[1]-'0']}
	}
	return []string{h + " " + cardinal(value(minutes), false)}
}
