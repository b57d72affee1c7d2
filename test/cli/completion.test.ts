/** Shell completion: what is offered, and that the shells insert it as it is and evaluate nothing. */
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { COMPLETION_SCRIPTS, COMPLETION_SHELLS } from '../../lib/cli/completionScripts.ts'
import { openTypist, PROMPT } from '../support/typist.ts'

const test = suite('completion in shells')

const folder = mkdtempSync(join(tmpdir(), 'keelson-completion-'))
process.on('exit', () => rmSync(folder, { recursive: true }))
const at = (name: string): string => join(folder, name)
const [bin, asked, given, work, owned] = [at('bin'), at('asked'), at('given'), at('work'), at('owned')]
mkdirSync(bin)
mkdirSync(work)
writeFileSync(join(work, 'plan one.json'), '')

/** Stands in for keelson: offers what `offer` says, and writes down what it is run with. */
writeFileSync(
  join(bin, 'keelson'),
  `#!/bin/sh
if [ "$1" = complete ]; then printf '%s\\0' "$@" > ${asked}; cat ${folder}/offer; exit; fi
{ for word; do printf '%s\\n' "$word"; done; echo end; } > ${given}.new && mv ${given}.new ${given}
`,
)
chmodSync(join(bin, 'keelson'), 0o755)
for (const shell of COMPLETION_SHELLS) writeFileSync(join(folder, shell), COMPLETION_SCRIPTS[shell])

writeFileSync(join(folder, '.zshrc'), `PROMPT='${PROMPT} '\nsource ${folder}/zsh\n`)

const START: { readonly [shell in (typeof COMPLETION_SHELLS)[number]]: string } = {
  bash: `PS1='${PROMPT} ' bash --noprofile --norc -i`,
  zsh: `ZDOTDIR=${folder} zsh -d -i`,
  fish: `fish --no-config --init-command 'function fish_prompt; echo "${PROMPT} "; end; source ${folder}/fish'`,
}

const HOSTILE = [
  `file:/tmp/$(touch ${owned})`,
  `file:/tmp/\`touch ${owned}\``,
  `file:/x;touch ${owned};`,
  `file:/x&touch ${owned}|tee>>${owned}`,
  `tag'one`,
  'tag"two',
  'back\\slash and blanks  two',
  'bang!!x',
  'a~b',
  '$HOME${PATH}',
  '*?[a-z]{b,c}',
  '#note',
  '%s%n%F{red}',
  '-rf',
  'a=b:c=d',
  'rôle 日本',
  '(command touch)',
]

for (const shell of COMPLETION_SHELLS) {
  test(`${shell} inserts every name as it is, and evaluates none`, async () => {
    const typist = await openTypist(START[shell], {
      PATH: `${bin}:${process.env['PATH']}`,
      HOME: work,
      XDG_CONFIG_HOME: work,
      LANG: 'C.UTF-8',
    })
    /** Types a line, and returns the words that the program is then run with. */
    const run = async (keys: string, offer: string): Promise<string[]> => {
      rmSync(given, { force: true })
      writeFileSync(join(folder, 'offer'), offer)
      const from = typist.seen().length
      typist.type(keys)
      await typist.until(() => existsSync(given) && typist.seen().includes(PROMPT, from))
      return readFileSync(given, 'utf8').split('\n').slice(0, -2)
    }
    if (shell === 'bash') await run(`source ${folder}/bash; keelson ready\r`, '')
    await run(`cd ${work}; keelson ready\r`, '')
    const wrong: unknown[] = []
    for (const value of HOSTILE) {
      const words = await run('keelson take \t\r', `words\n${value}\tnever ${value}\n`)
      if (words.join('\n') !== `take\n${value}`) wrong.push({ value, words })
    }
    assert.equal(wrong, [])
    assert.equal(await run('keelson take file:/e\t\r', 'words\nfile:/etc/motd\tsite.ts:3\n'), [
      'take',
      'file:/etc/motd',
    ])
    assert.equal(await run('keelson take --only=f\t\r', 'words\n--only=file:/etc/motd\n'), [
      'take',
      '--only=file:/etc/motd',
    ])
    assert.equal(await run('keelson show plan\t\r', 'files\n'), ['show', 'plan one.json'])
    assert.equal(await run('keelson "a b" c\\ d --host=web e\t\r', 'words\nend\n'), ['a b', 'c d', '--host=web', 'end'])
    assert.is(readFileSync(asked, 'utf8'), ['complete', '--', 'a b', 'c d', '--host=web', 'e', ''].join('\0'))
    assert.not.ok(existsSync(owned))
    await typist.close()
  })
}

test.run()
