/** What nodes of a service ask each other over HTTP. */
@org.jspecify.annotations.NullMarked
package dev.deltavec.server.internal;
