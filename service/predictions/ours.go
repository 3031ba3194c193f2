package predictions

import "regexp"

// versions of ours end in twelve hex digits, see projects.Fingerprint.
var versionForm = regexp.MustCompile(`-[0-9a-f]{12}$`)

// ourVersion reports whether a prediction's version was made by this program, so that an
// older one may be replaced.
func ourVersion(version string) bool { return versionForm.MatchString(version) }
