/**
 * Small jobs for the demo and for tests: {@link org.flinkonmesos.demo.WordCount} counts words,
 * {@link org.flinkonmesos.demo.Sum} shows by its result whether state survived faults, {@link
 * org.flinkonmesos.demo.Fail} throws, and {@link org.flinkonmesos.demo.Endless} goes on for ever.
 */
package org.flinkonmesos.demo;
