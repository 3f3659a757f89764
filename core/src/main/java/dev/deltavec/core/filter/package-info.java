/** Predicates on metadata: parsed once, then asked of the JSON as it lies in linear memory. */
@NullMarked
package dev.deltavec.core.filter;

import org.jspecify.annotations.NullMarked;
