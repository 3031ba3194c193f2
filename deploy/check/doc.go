// Package check reads what is deployed by other programs' rules: compose files with
// Compose's own loader, alert rules with Prometheus' parser, .dockerignore with Docker's
// matcher, manifests with Kubernetes' types. It is a module of its own, so that what it
// needs is no dependency of the program.
package check
