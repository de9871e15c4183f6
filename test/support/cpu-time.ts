/**
 * Milliseconds of processor time that this process has used: bounds on work are told by it where other processes share the
 * machine, since the time on the wall is theirs as well.
 */
export function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
