/** Of a command, so much is shown, characters. */
const MOST_COMMAND = 500

/** A command as people and agents read it; no shell does. */
export function commandText(command: readonly string[]): string {
  return command
    .map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : JSON.stringify(word)))
    .join(' ')
    .slice(0, MOST_COMMAND)
}
