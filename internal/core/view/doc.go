// Package view answers what people see: descriptions, lists, health and the debug state. It changes nothing.
package view
