/** Text from an agent or a backend as one line of at most `most` characters, for alerts and records. */
export function oneLine(text: string, most: number): string {
  // More is not looked at: it may be megabytes.
  const line = text
    .slice(0, 4 * most)
    .replace(/[\p{C}\s]+/gu, ' ')
    .trim()
  return line.length > most || text.length > 4 * most ? `${line.slice(0, most - 1)}…` : line
}
