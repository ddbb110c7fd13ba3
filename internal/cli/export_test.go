package cli

// NewRoot lets tests walk the commands.
var NewRoot = newRoot
