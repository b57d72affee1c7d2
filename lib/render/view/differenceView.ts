/**
 * How two plans of a host differ, as rows. Pure.
 */
import type { Moved, PlanDifference } from '../../engine/report.ts'
import type { FieldChange } from '../../kit/resourceType.ts'
import { cleanLine } from '../clean.ts'
import { viewFields } from './fields.ts'
import { viewChange } from './planView.ts'
import type { ChangeRow, Field } from './view.ts'

/** Plain JSON, all text cleaned. */
export type DifferenceView = {
  host: string
  about: string[]
  gone: ChangeRow[]
  added: ChangeRow[]
  moved: { label: string; fields: Field[] }[]
}

const SIDES: { readonly [side in Moved['side']]: string } = {
  observed: ' on the host',
  declared: ' as declared',
  plan: '',
}

export function viewDifference(host: string, { about, gone, added, moved }: PlanDifference): DifferenceView {
  return {
    host: cleanLine(host),
    about: about.map(cleanLine),
    gone: gone.map(viewChange),
    added: added.map(viewChange),
    moved: moved.map(({ label, differences }) => ({
      label: cleanLine(label),
      fields: viewFields({ kind: 'change', fields: differences.map(asField) }),
    })),
  }
}

function asField({ side, field, form, was, now }: Moved): FieldChange {
  return {
    field: `${field}${SIDES[side]}`,
    form,
    ...(was === undefined ? {} : { before: was }),
    ...(now === undefined ? {} : { after: now }),
  }
}
