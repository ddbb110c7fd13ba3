package mesos

// TaskInfo is what golden tests look at.
var TaskInfo = taskInfo
