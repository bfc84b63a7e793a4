// The forms data is printed in. `table` and `wide` are for people and may change;
// the keys of json, jsonl and yaml are the API's and stay.

import { closest, fail } from '@vorta/core'
import { stringify } from 'yaml'
import type { Paint, Tone, Ui } from './ui.ts'

/** Left-aligned columns, indented by two, the last one as long as it likes. */
export function columns(rows: readonly (readonly string[])[]): string {
  const widths = widthsOf(rows)
  return rows
    .map((row) => `  ${row.map((cell, i) => cell.padEnd(widths[i]!)).join('  ')}`.trimEnd())
    .join('\n')
}

const widthsOf = (rows: readonly (readonly string[])[]): readonly number[] =>
  (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))

export type Column<T> = {
  readonly header: string
  readonly cell: (row: T) => string
  readonly tone?: (row: T) => Tone | undefined
  /** Shown with `-o wide` only. */
  readonly wide?: true
  /** Numbers stand to the right. */
  readonly right?: true
}

export type ListFormat = 'table' | 'wide' | 'json' | 'jsonl' | 'yaml' | 'name'

type PlainObject = Readonly<Record<string, unknown>>

export type ListView<T> = {
  /** What `-o name` prints. */
  readonly name: (row: T) => string
  readonly columns: readonly Column<T>[]
  /** The row as JSON, with every key present. */
  readonly json: (row: T) => PlainObject
  /** What to say on stderr where there are no rows. */
  readonly empty: string
}

/** The `-o`, `--json`, `-q` and `--fields` of a command. */
type Choice<F extends string> = {
  readonly format?: F
  readonly json?: true
  readonly quiet?: true
  readonly fields?: string
}

export const chosen = <F extends string>(choice: Choice<F>, fallback: F): F | 'name' | 'json' =>
  choice.quiet ? 'name' : choice.json ? 'json' : (choice.format ?? fallback)

/** Prints rows in the form that was chosen. */
export function printList<T>(
  ui: Ui,
  choice: Choice<ListFormat>,
  view: ListView<T>,
  rows: readonly T[],
): void {
  const format = chosen(choice, 'table')
  if (format === 'name') {
    for (const row of rows) ui.print(view.name(row))
  } else if (format === 'table' || format === 'wide') {
    const shown = choice.fields
      ? choice.fields.split(',').map((field) => fieldColumn(field, view, rows))
      : view.columns.filter((column) => format === 'wide' || !column.wide)
    if (rows.length === 0) ui.say(view.empty)
    else ui.print(table(ui.paint, shown, rows))
  } else {
    const values = rows.map((row) => pick(view.json(row), choice.fields))
    if (format === 'jsonl') for (const value of values) ui.print(JSON.stringify(value))
    else ui.print(document(format, values))
  }
}

function fieldColumn<T>(field: string, view: ListView<T>, rows: readonly T[]) {
  if (rows[0]) pick(view.json(rows[0]), field)
  return {
    header: field.toUpperCase(),
    cell: (row: T) => {
      const value = view.json(row)[field]
      return typeof value === 'string' ? value : JSON.stringify(value)
    },
  } satisfies Column<T>
}

function pick(value: PlainObject, fields: string | undefined): PlainObject {
  if (fields === undefined) return value
  return Object.fromEntries(
    fields.split(',').map((field) => {
      if (Object.hasOwn(value, field)) return [field, value[field]]
      const meant = closest(field, Object.keys(value))
      throw fail('USAGE', `--fields: expected ${Object.keys(value).join(', ')}, got "${field}"`, {
        hints: meant === undefined ? [] : [`did you mean ${meant}?`],
      })
    }),
  )
}

/** A value as pretty JSON or as YAML, without the newline at its end. */
export const document = (format: 'json' | 'yaml', value: unknown): string =>
  format === 'json' ? JSON.stringify(value, null, 2) : stringify(value).trimEnd()

/** Columns under their headers. */
export function table<T>(paint: Paint, shown: readonly Column<T>[], rows: readonly T[]): string {
  const cells = rows.map((row) => shown.map((column) => column.cell(row) || '-'))
  const widths = widthsOf([shown.map((column) => column.header), ...cells])
  const pad = (text: string, index: number) =>
    shown[index]?.right ? text.padStart(widths[index]!) : text.padEnd(widths[index]!)
  const lines = [
    shown.map((column, index) => paint('strong', pad(column.header, index))),
    ...cells.map((row, line) =>
      row.map((cell, index) => {
        const tone = shown[index]?.tone?.(rows[line]!)
        return tone ? paint(tone, pad(cell, index)) : pad(cell, index)
      }),
    ),
  ]
  return lines.map((line) => line.join('  ').trimEnd()).join('\n')
}

/** `label   value` lines for one thing; pairs without a value are left out. */
export function details(
  paint: Paint,
  pairs: readonly (readonly [label: string, value: string, tone?: Tone | undefined])[],
): string {
  const present = pairs.filter(([, value]) => value !== '')
  const width = Math.max(...present.map(([label]) => label.length))
  return present
    .map(([label, value, tone]) => {
      const shown = tone ? paint(tone, value) : value
      return `${paint('dim', label.padEnd(width))}  ${shown}`
    })
    .join('\n')
}
