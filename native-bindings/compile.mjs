export function compileNative() {}
