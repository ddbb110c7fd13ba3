/**
 * Flink's own command line against the service: {@code flink run -t mesos-session} and {@code -t
 * mesos-application}. It owns the translation of Flink's client interfaces to the service's API,
 * and starts nothing itself.
 */
package org.flinkonmesos.client;
