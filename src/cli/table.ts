import type { Paint, Style } from './colours.ts'
import { cutToWidth, displayWidth, padToWidth } from './terminal-text.ts'

/** A cell: its text, and how it is set off. */
export type Cell = string | readonly [text: string, style: Style]

/** Rows under their heads, columns aligned, no line longer than `width`; a column that is empty everywhere is left out. */
export function renderTable(
  heads: readonly string[],
  rows: readonly (readonly Cell[])[],
  { width, paint }: { readonly width: number; readonly paint: Paint },
): readonly string[] {
  const used = heads.map((_, column) => column).filter((column) => rows.some((row) => textOf(row[column]) !== ''))
  const widths = used.map((column) =>
    Math.max(displayWidth(heads[column] ?? ''), ...rows.map((row) => displayWidth(textOf(row[column])))),
  )
  const line = (cells: readonly Cell[]) => {
    let left = width
    const parts = used.map((column, index) => {
      const last = index === used.length - 1
      const text = textOf(cells[column])
      const cut = cutToWidth(last ? text : `${padToWidth(text, widths[index] ?? 0)}  `, left)
      left -= displayWidth(cut)
      return paint(cut, styleOfCell(cells[column]))
    })
    return parts.join('').trimEnd()
  }
  return [line(heads.map((head) => [head, 'dim'] as const)), ...rows.map(line)]
}

function textOf(cell: Cell | undefined): string {
  return typeof cell === 'string' ? cell : (cell?.[0] ?? '')
}

function styleOfCell(cell: Cell | undefined): Style {
  return typeof cell === 'string' || cell === undefined ? 'plain' : cell[1]
}
