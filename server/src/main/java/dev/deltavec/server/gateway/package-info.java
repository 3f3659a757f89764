/** The service's face to the world: HTTP, server-sent events and WebSockets. */
@org.jspecify.annotations.NullMarked
package dev.deltavec.server.gateway;
