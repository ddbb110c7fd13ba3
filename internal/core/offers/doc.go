// Package offers decides where tasks run: it matches offers with pending tasks, reserves and releases, asks
// for offers or suppresses them, and explains why a task has no place.
package offers
