/**
 * Lets Flink's ResourceManager ask a Mesos framework for its TaskManagers.
 *
 * <p>The JobManager serves, behind a token, the set of workers that Flink wants; the service that
 * runs the Mesos framework reads it and says what became of each worker. Nothing in here knows
 * Mesos, nor where the service is: the service dials. Both directions carry whole states, never
 * differences, so any message may be lost, repeated or late.
 *
 * <ul>
 *   <li>{@link org.flinkonmesos.driver.WorkerRegistry}: which workers are wanted, and what is so of
 *       them.
 *   <li>{@link org.flinkonmesos.driver.ExchangeServer}: the HTTP side of the registry.
 *   <li>{@link org.flinkonmesos.driver.MesosResourceManagerDriver}: the registry's place in Flink.
 *   <li>The three entry points: session, application and job clusters.
 * </ul>
 */
package org.flinkonmesos.driver;
