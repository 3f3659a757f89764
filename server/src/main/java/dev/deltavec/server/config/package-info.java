/** The configuration of a node: one YAML file. */
@org.jspecify.annotations.NullMarked
package dev.deltavec.server.config;
