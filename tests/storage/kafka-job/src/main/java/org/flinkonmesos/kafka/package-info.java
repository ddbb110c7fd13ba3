/** A job for the tests of the service with Kafka. */
package org.flinkonmesos.kafka;
