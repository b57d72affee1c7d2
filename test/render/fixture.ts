/** A plan with every kind of change, as the engine would make it; what the renderers are tried on. */
import picocolors from 'picocolors'
import type { Page } from '../../lib/render/text/page.ts'
import { renderPlan } from '../../lib/render/text/planText.ts'
import { viewPlan } from '../../lib/render/view/planView.ts'
import { followUpsOf, summaryOf } from '../../lib/engine/plan/summary.ts'
import type { Plan, PlanChange } from '../../lib/engine/report.ts'
import { labelOf, type Ref } from '../../lib/kit/ref.ts'

/** No colours, no terminal. */
export const paper: Page = { colors: picocolors.createColors(false), verbose: false, now: () => Date.UTC(2026, 10, 28) }

export function planText(plan: Plan, page: Page, sentence?: string): string {
  return renderPlan(viewPlan(plan), page, sentence)
}

export function change(ref: Ref, about: Partial<PlanChange>): PlanChange {
  return {
    ref,
    label: labelOf(ref),
    kind: 'change',
    cause: 'intent',
    consequence: 'safe',
    certainty: 'exact',
    fields: [],
    ...about,
  }
}

export function planOf(changes: PlanChange[], about: Partial<Plan> = {}): Plan {
  return {
    format: 1,
    host: {
      name: 'takeclient-1',
      address: '95.216.1.123',
      os: 'debian-13',
      server: 'CCX32',
      cpus: 8,
      memoryMiB: 32_768,
    },
    changes,
    followUps: followUpsOf(changes),
    summary: summaryOf(changes, 57 + changes.length),
    partial: false,
    first: false,
    warnings: [],
    ledger: '1'.repeat(64),
    digest: '0'.repeat(64),
    ...about,
  }
}

const at = (file: string, line: number): Pick<PlanChange, 'source'> => ({ source: { file, line, column: 3 } })

export const everyKind: PlanChange[] = [
  change('ufw-rule:22/tcp from 10.0.0.0/8', {
    ...at('recipes/firewall.ts', 12),
    consequence: 'lockout',
    fields: [{ field: 'from', form: 'value', before: 'any', after: '10.0.0.0/8' }],
  }),
  change('nginx-vhost:api.takeclient.com', {
    ...at('recipes/proxy.ts', 41),
    consequence: 'reload',
    fields: [
      { field: 'proxy_read_timeout', form: 'value', before: '60s', after: '120s' },
      { field: 'server_name', form: 'list', before: ['a.example', 'b.example'], after: ['a.example', 'c.example'] },
      { field: 'http2', form: 'value', after: true },
      {
        field: 'running',
        form: 'value',
        followUp: { action: 'reload', because: 'nginx vhost api.takeclient.com' },
      },
    ],
  }),
  change('file:/etc/redis/redis.conf', {
    ...at('recipes/redis.ts', 9),
    cause: 'drift',
    run: '41',
    drift: { what: ['mode changed', 'edited'], run: '41', at: '2026-11-27T21:57:00.000Z' },
    fields: [
      { field: 'mode', form: 'mode', before: '0666', after: '0640' },
      { field: 'content', form: 'text', before: 'port 0\nmaxmemory 1gb\n', after: 'port 0\nmaxmemory 256mb\n' },
    ],
  }),
  change('file:/etc/app.env', {
    ...at('recipes/app.ts', 20),
    cause: 'both',
    run: '40',
    drift: { what: ['content changed'], run: '40' },
    fields: [{ field: 'content', form: 'secret' }],
  }),
  change('postgres-role:takeclient_ro', {
    ...at('recipes/postgres.ts', 30),
    kind: 'create',
    certainty: 'unknown',
    because: 'postgresql is not installed',
    fields: [
      { field: 'login', form: 'value', after: true },
      { field: 'memberOf', form: 'list', after: [] },
      { field: 'password', form: 'secret' },
    ],
  }),
  change('file:/etc/motd', {
    ...at('recipes/base.ts', 7),
    kind: 'create',
    fields: [
      { field: 'mode', form: 'mode', after: '0644' },
      { field: 'owner', form: 'value', after: 'root' },
      { field: 'content', form: 'text', after: 'Welcome.\nBe kind.\n' },
    ],
  }),
  change('command:warm the cache', { ...at('recipes/app.ts', 60), kind: 'create', certainty: 'opaque' }),
  change('unit:api.service', {
    ...at('recipes/app.ts', 33),
    kind: 'follow-up',
    consequence: 'restart',
    fields: [
      { field: 'running', form: 'value', followUp: { action: 'restart', because: 'file /etc/app.env changed' } },
    ],
  }),
  change('file:/etc/nginx/mime.types', {
    ...at('recipes/proxy.ts', 8),
    kind: 'recheck',
    consequence: 'record',
    certainty: 'unknown',
    because: 'after package nginx',
  }),
  change('file:/etc/nginx/nginx.conf', {
    ...at('recipes/proxy.ts', 9),
    kind: 'recheck',
    consequence: 'record',
    certainty: 'unknown',
    because: 'after package nginx',
  }),
  change('user:deploy', {
    ...at('recipes/base.ts', 11),
    kind: 'adopt',
    consequence: 'record',
    because: 'already correct, recorded only',
  }),
  change('package:curl', {
    ...at('recipes/base.ts', 12),
    kind: 'adopt',
    consequence: 'record',
    because: 'already correct, recorded only',
  }),
  change('postgres-database:old', {
    kind: 'forget',
    consequence: 'record',
    because: 'left in place: it was there before Keelson',
    run: '3',
  }),
  change('cron-job:old-report', { kind: 'remove', run: '12' }),
]
