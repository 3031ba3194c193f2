// Photograph the pages that the documentation shows: screenshots.mjs STUDIO BACKEND EMAIL PASSWORD TOKEN OUT
//
// Makes a project in the Label Studio at STUDIO, connects it with the backend in the page
// itself, as a person would, uploads a sample, and takes the pictures. The project is
// deleted afterwards. CHROMIUM is the browser.
import { chromium } from 'playwright-core';
import { mkdir, readFile } from 'node:fs/promises';

const [studio, backend, email, password, token, out] = process.argv.slice(2);
const config = `<View>
  <Labels name="labels" toName="audio"><Label value="Speech"/><Label value="Noise"/></Labels>
  <Audio name="audio" value="$audio" decoder="ffmpeg"/>
  <TextArea name="transcription" toName="audio" perRegion="true" editable="true" rows="2" displayMode="region-list"/>
</View>`;

async function call(method, path, body) {
  const form = body instanceof FormData;
  const reply = await fetch(studio + path, {
    method, headers: { Authorization: 'Token ' + token, ...(body && !form && { 'Content-Type': 'application/json' }) },
    body: form ? body : body && JSON.stringify(body),
  });
  if (!reply.ok) throw new Error(`${method} ${path}: ${reply.status} ${(await reply.text()).slice(0, 300)}`);
  const text = await reply.text();
  return text ? JSON.parse(text) : null;
}

// until asks again and again, for so many seconds, until there is an answer.
async function until(what, seconds, ask) {
  for (const end = Date.now() + seconds * 1000; Date.now() < end; await new Promise(r => setTimeout(r, 500))) {
    const answer = await ask();
    if (answer) return answer;
  }
  throw new Error(`not within ${seconds} s: ${what}`);
}

// learning has half of a project's recordings corrected, and photographs another one before and after.
async function learning(page) {
  const set = new URL('../learning/', import.meta.url);
  const [head, ...lines] = (await readFile(new URL('index.tsv', set), 'utf8')).trim().split('\n').map(l => l.split('\t'));
  const [file, text] = ['file', 'text'].map(c => head.indexOf(c));
  const whole = `<View>
  <Audio name="audio" value="$audio" decoder="ffmpeg"/>
  <TextArea name="transcription" toName="audio" rows="4" editable="true"/>
</View>`;
  const { id: team } = await call('POST', '/api/projects', { title: 'Calls and notes', label_config: whole });
  try {
    const { id: model } = await call('POST', '/api/ml', { url: backend, project: team, title: 'asr-backend', is_interactive: true });
    const form = new FormData();
    for (const line of lines) {
      const name = line[file].replace('.opus', '.ogg');
      form.append(name, new Blob([await readFile(new URL(line[file], set))]), name);
    }
    await call('POST', `/api/projects/${team}/import`, form);
    const tasks = async () => (await call('GET', `/api/tasks?project=${team}&fields=all&page_size=100`)).tasks.map(t => ({ ...t, number: +/(\d+)\.ogg$/.exec(t.data.audio)[1] }));
    const predicted = await until('all predictions', 600, async () => {
      const all = await tasks();
      return all.length === lines.length && all.every(t => t.predictions.length) && all;
    });
    const shown = predicted.find(t => t.number === 22);
    const photograph = async name => {
      await page.setViewportSize({ width: 1100, height: 640 });
      await page.goto(`${studio}/projects/${team}/data`);
      await page.getByText('Submitted annotations').first().waitFor();
      await page.goto(`${studio}/projects/${team}/data?task=${shown.id}`);
      await page.waitForFunction(() => window.Htx?.annotationStore?.selected && document.querySelector('canvas') && !/Initializing|Decoding|Loading/.test(document.body.innerText));
      await page.waitForTimeout(3000); // the waveform is drawn
      await page.locator('.lsf-main-view, .lsf-main-content, [class*="main-view"]').first().screenshot({ path: `${out}/${name}.png` });
    };
    await photograph('learning-before');
    for (const t of predicted.filter(t => t.number <= lines.length / 2)) {
      const result = t.predictions[0].result.map(i => i.type === 'textarea' ? { ...i, value: { ...i.value, text: [lines[t.number - 1][text]] } } : i);
      await call('POST', `/api/tasks/${t.id}/annotations/`, { result, parent_prediction: t.predictions[0].id, lead_time: 60 });
    }
    await call('POST', `/api/ml/${model}/train`, {});
    await until('a prediction with what was learnt', 120, async () => {
      const [p] = (await tasks()).find(t => t.id === shown.id).predictions;
      return p && p.model_version !== shown.predictions[0].model_version;
    });
    await photograph('learning-after');
    await page.setViewportSize({ width: 1000, height: 900 });
    await page.goto(`${backend}/status?project=${team}`);
    for (const summary of await page.locator('#learning summary').all()) await summary.click();
    await page.locator('#learning').screenshot({ path: `${out}/learning-status.png` });
  } finally {
    await call('DELETE', `/api/projects/${team}/`);
  }
}

await mkdir(out, { recursive: true });
const { id: project } = await call('POST', '/api/projects', { title: 'Readings', label_config: config });
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--mute-audio', '--force-color-profile=srgb'],
});
try {
  const page = await browser.newPage({ viewport: { width: 1200, height: 760 } });
  page.setDefaultTimeout(60000);
  // Nothing outside the two programs is asked.
  const known = [studio, backend].map(u => new URL(u).host);
  await page.route('**/*', route => {
    const url = new URL(route.request().url());
    return known.includes(url.host) || ['data:', 'blob:'].includes(url.protocol) ? route.continue() : route.abort();
  });
  await page.goto(studio + '/user/login/');
  await page.fill('input[name=email]', email);
  await page.fill('input[name=password]', password);
  await Promise.all([page.waitForURL(u => !String(u).includes('/user/login')), page.click('button[type=submit]')]);

  // What a person does to connect.
  await page.goto(`${studio}/projects/${project}/settings/ml`);
  await page.getByText('Connect Model', { exact: true }).click();
  await page.fill('input[name=title]', 'asr-backend');
  await page.fill('input[name=url]', backend);
  await page.getByText('Interactive preannotations').click();
  await page.waitForTimeout(800); // its switch moves
  await page.screenshot({ path: `${out}/model-connect.png` });
  await page.getByText('Validate and Save').click();
  await page.getByText('Connected', { exact: true }).waitFor();
  await page.waitForTimeout(1500);
  await page.screenshot({ path: `${out}/model-connected.png` });

  const form = new FormData();
  form.append('file', new Blob([await readFile(new URL('../samples/reading.opus', import.meta.url))]), 'reading.ogg');
  await call('POST', `/api/projects/${project}/import`, form);
  const task = await until('a prediction', 120, async () => {
    const { tasks } = await call('GET', `/api/tasks?project=${project}&fields=all`);
    return tasks.find(t => t.predictions.length);
  });

  // The answer to a test request. For ten seconds it may be that of a visit of the task, which has
  // its prediction.
  await page.waitForTimeout(11000);
  await page.goto(`${studio}/projects/${project}/settings/ml`);
  await page.getByText('Connected', { exact: true }).waitFor();
  await page.locator('[class*=card] button').first().click();
  await page.getByText('Send Test Request').click();
  await page.getByRole('button', { name: 'Send Request' }).click();
  await page.locator('pre').filter({ hasText: /^200/ }).filter({ hasText: 'model_version' }).waitFor();
  await page.waitForTimeout(800);
  await page.screenshot({ path: `${out}/test-request.png` });

  await page.setViewportSize({ width: 1280, height: 900 });
  await page.goto(`${studio}/projects/${project}/data`); // else the first visit opens a task twice
  await page.getByText('Submitted annotations').first().waitFor();
  await page.goto(`${studio}/projects/${project}/data?task=${task.id}`);
  await page.waitForFunction(() => window.Htx?.annotationStore?.selected?.regionStore?.regions?.length > 3);
  await page.waitForTimeout(3000);
  await page.waitForFunction(() => document.querySelector('canvas') && !/Initializing|Decoding|Loading/.test(document.body.innerText));
  await page.waitForTimeout(3000); // the waveform is drawn
  await page.screenshot({ path: `${out}/task-regions.png` });
  // The list of regions draws those that there is room for; the page has all.
  const shown = await page.evaluate(() => ({
    drawn: [...document.querySelectorAll('textarea')].map(e => e.value),
    all: window.Htx.annotationStore.selected.regionStore.regions.flatMap(r => r.results.filter(x => x.type === 'textarea').map(x => x.mainValue[0])),
  }));
  const said = task.predictions[0].result.filter(i => i.type === 'textarea').map(i => i.value.text[0]);
  if (said.length < 4 || JSON.stringify(shown.all) !== JSON.stringify(said) || said.filter(s => shown.drawn.includes(s)).length < 3)
    throw new Error(`predicted ${JSON.stringify(said)}, the page shows ${JSON.stringify(shown)}`);

  // A morning's work, of which one file is damaged.
  const reading = await readFile(new URL('../samples/reading.opus', import.meta.url));
  const more = new FormData();
  for (const name of ['chapter-01.ogg', 'chapter-02.ogg', 'chapter-03.ogg', 'chapter-04.ogg', 'chapter-05.ogg'])
    more.append(name, new Blob([reading]), name);
  more.append('damaged', new Blob(['RIFF']), 'chapter-06.wav');
  await call('POST', `/api/projects/${project}/import`, more);
  await until('an end of all tasks', 180, async () => {
    const reply = await fetch(`${backend}/status?project=${project}`, { headers: { Accept: 'application/json' } });
    const { projects: [{ counts }] } = await reply.json();
    return counts.failed === 1 && counts.pushed === 6;
  });
  await page.setViewportSize({ width: 1000, height: 620 });
  await page.goto(`${backend}/status?project=${project}`);
  await page.getByText('chapter-06.wav').first().waitFor();
  await page.screenshot({ path: `${out}/status-page.png` });
  await page.setViewportSize({ width: 360, height: 740 });
  await page.screenshot({ path: `${out}/status-page-phone.png` });
  console.log(`${said.length} regions with their texts are on the page`);
  await learning(page);
} finally {
  await browser.close();
  await call('DELETE', `/api/projects/${project}/`);
}
