// One part of the configuration document, as JSON with the schema's errors at their lines.

import { html, useState } from '../../parts/html.mjs';
import { useConfig } from '../../parts/config.mjs';
import { Editor, parse } from '../../parts/editor.mjs';
import { Button, Card, Code, Loaded, More } from '../../parts/ui.mjs';
import { t } from '../../strings.mjs';
import { Trial } from './trial.mjs';

export function Section({ part, title, lead, empty, example, tries }) {
  const config = useConfig();
  return html`<${Card} title=${title}>
    <p class="soft">${lead}</p>
    <div class="stack spaced"><${Loaded} resource=${config.resource}>${({ revision, document }) => html`<${Form} key=${revision} part=${part} title=${title} config=${config} document=${document} empty=${empty} example=${example} tries=${tries} />`}<//></div>
  <//>`;
}

function Form({ part, title, config, document, empty, example, tries }) {
  const [text, setText] = useState(() => JSON.stringify(document[part] ?? empty, null, 2));
  const parsed = parse(text);
  const own = config.problems.map((one) => ({ ...one, path: String(one.path ?? '').replace(new RegExp(`^/?${part}[./]?`), '') }));
  const use = () => input(JSON.stringify(Array.isArray(example) ? [...parsed.value, ...example] : { ...parsed.value, ...example }, null, 2));
  const input = (next) => (config.problems.length > 0 && config.setProblems([]), setText(next));
  return html`<${Editor} label=${title} text=${text} onInput=${input} problems=${parsed.problem ? [parsed.problem] : own} />
    <div class="actions">
      <${Button} kind="primary" disabled=${parsed.problem !== undefined} onClick=${() => config.store({ ...document, [part]: parsed.value })}>${t('Save')}<//>
      <${Button} onClick=${config.undo}>${t('Undo the last change')}<//>
      <a href="/admin/api/config/schema" target="_blank">${t('Schema')}</a>
    </div>
    ${example && html`<${More} title=${t('An example')}>
      <${Code} title="JSON" text=${JSON.stringify(example, null, 2)} />
      <${Button} small onClick=${use} disabled=${parsed.problem !== undefined}>${t('Use it')}<//>
    <//>`}
    ${tries && html`<${Trial} drafts=${{ [part]: parsed.value }} />`}`;
}
