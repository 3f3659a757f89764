/** The raw ABI of the WebAssembly module. */
@NullMarked
package dev.deltavec.wasm;

import org.jspecify.annotations.NullMarked;
