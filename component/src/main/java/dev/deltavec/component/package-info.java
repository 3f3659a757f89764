/**
 * The core as WebAssembly components: the canonical ABI of the worlds in {@code component/wit},
 * over linear memory.
 */
@NullMarked
package dev.deltavec.component;

import org.jspecify.annotations.NullMarked;
