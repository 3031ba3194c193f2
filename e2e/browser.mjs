// Work on a task with a long recording in Label Studio's page, as an annotator does:
// browser.mjs <request.json
//
// The request says where Label Studio is, who signs in, where screenshots go, and which task to
// open. The page must show it, play the right second, take a correction by the keyboard and store
// it. What was measured is printed as JSON. CHROMIUM is the browser.
import { chromium } from 'playwright-core';
import { execFileSync } from 'node:child_process';
import { mkdir, readFile } from 'node:fs/promises';

const { studio, email, password, out, task } = JSON.parse(await readFile('/dev/stdin', 'utf8'));
await mkdir(out, { recursive: true });

function assert(so, what) {
  if (!so) throw new Error(what);
}

// memory is how much the largest page process holds, in MB.
function memory() {
  const lines = execFileSync('ps', ['-eo', 'rss,args']).toString().split('\n').filter(l => l.includes('--type=renderer'));
  return Math.max(...lines.map(l => Math.round(parseInt(l) / 1024)));
}

// look returns what the page shows: of the audio, of the selected region, and what has the focus.
const look = page => page.evaluate(() => {
  const annotation = window.Htx?.annotationStore?.selected;
  const audio = annotation && [...annotation.names.values()].find(t => t.type === 'audio');
  const player = audio?._ws?.player?.audio?.el;
  const regions = annotation?.regionStore?.regions ?? [];
  const index = regions.findIndex(r => r.selected);
  const region = regions[index];
  return {
    regions: regions.length, loaded: !!audio?._ws?.loaded, errors: audio?.errors?.length ?? 0, duration: audio?._ws?.duration,
    zoom: audio?._ws?.zoom, cursor: audio?._ws?.currentTime, time: player?.currentTime, playing: player && !player.paused,
    region: region && { index, start: region.start, end: region.end, text: region.results.find(r => r.type === 'textarea')?.mainValue?.[0], labels: region.labels },
    typing: document.activeElement?.tagName === 'TEXTAREA',
  };
});

// until looks until something is so, and returns what the page shows then.
async function until(page, what, seconds, so) {
  let seen;
  for (const end = Date.now() + seconds * 1000; Date.now() < end; await page.waitForTimeout(100)) {
    seen = await look(page).catch(() => ({})); // the page is changing
    if (so(seen)) return seen;
  }
  throw new Error(`not within ${seconds} s: ${what}; the page shows ${JSON.stringify(seen)}`);
}

async function press(page, key, what, so) {
  await page.keyboard.press(key);
  return until(page, `${key}: ${what}`, 15, so);
}

// regionsByKeyboard corrects a region near the end of the recording.
async function regionsByKeyboard(page, task) {
  // A click at a place of the time line goes there; a pixel of three hours is ten seconds.
  const line = await page.locator('canvas').first().boundingBox();
  await page.mouse.click(line.x + line.width * 0.75, line.y + 8);
  await until(page, 'a click on the time line goes to its second', 10, s => Math.abs(s.cursor / s.duration - 0.75) < 0.005);

  // A click on the last region of the list selects it.
  const item = page.locator('.lsf-outliner-item');
  const list = await item.first().boundingBox();
  await page.mouse.move(list.x + 20, list.y + 20);
  for (let i = 0; i < 40; i++) {
    await page.mouse.wheel(0, 20000);
    await page.waitForTimeout(50);
  }
  await item.last().locator('.lsf-outliner-item__title').first().click();
  const { region } = await until(page, 'a click selects a region of the end', 15, s => s.region?.start > 0.98 * s.duration);
  await page.screenshot({ path: `${out}/${task.name}-region.png` });

  // Playing plays that region, also while somebody types.
  const within = s => s.playing && s.time >= region.start && s.time < region.end;
  await press(page, 'Shift+Space', 'plays the region', within);
  await press(page, 'Shift+Space', 'pauses', s => !s.playing);
  await press(page, 'Control+p', 'plays the region', within);
  await press(page, 'Control+p', 'pauses', s => !s.playing);
  let before = await look(page);
  await press(page, 'Alt+a', 'goes back a tenth of a second', s => Math.abs(before.cursor - s.cursor - 0.1) < 0.01);
  before = await look(page);
  await press(page, 'Alt+d', 'goes on a tenth of a second', s => Math.abs(s.cursor - before.cursor - 0.1) < 0.01);
  await press(page, 'Enter', 'begins to type', s => s.typing);
  await press(page, 'Control+p', 'plays while somebody types', s => s.playing && s.typing);
  await press(page, 'Control+p', 'pauses', s => !s.playing && s.typing);
  await press(page, 'End', 'goes to the end', s => s.typing);
  await page.keyboard.type(' corrected');
  await press(page, 'Enter', 'takes the text', s => !s.typing && s.region.text === region.text + ' corrected');
  await press(page, 'Enter', 'begins to type', s => s.typing);
  await press(page, 'Escape', 'ends typing', s => !s.typing);

  // From region to region, and back to none.
  await press(page, 'Alt+.', 'selects the next region', s => s.region && s.region.index !== region.index);
  await press(page, 'u', 'selects none', s => !s.region);
  await press(page, 'Alt+.', 'selects the first region', s => s.region?.index === 0);
  await press(page, 'Escape', 'selects none', s => !s.region);
  await press(page, 'Alt+.', 'selects the first region', s => s.region?.index === 0);

  // What has been done can be undone.
  const label = (await look(page)).region.labels[0];
  await press(page, String(task.labels), 'gives the last label', s => s.region.labels[0] !== label);
  await press(page, 'Control+z', 'takes it back', s => s.region.labels[0] === label);
  await press(page, 'Control+d', 'makes a copy', s => s.regions === task.regions + 1);
  await press(page, 'Backspace', 'deletes the copy', s => s.regions === task.regions);

  // Ctrl and the wheel zoom, to the seconds of a minute or two; then a region is brought into view.
  await page.mouse.move(line.x + 100, line.y + 40);
  await page.keyboard.down('Control');
  for (const zoom of [11, 121]) {
    await page.mouse.wheel(0, -100);
    await until(page, `the wheel zooms to ${zoom}`, 10, s => Math.round(s.zoom) === zoom);
  }
  await page.keyboard.up('Control');
  await press(page, 'Alt+.', 'selects the next region', s => s.region);
  await page.waitForTimeout(500);
  await page.screenshot({ path: `${out}/${task.name}-zoomed.png` });
  return region.text + ' corrected';
}

// paragraphs plays a phrase near the end, and corrects the whole text.
async function paragraphs(page, task) {
  const phrase = page.locator(`[data-testid="phrase:${task.regions - 3}"]`);
  await phrase.scrollIntoViewIfNeeded();
  await phrase.locator('xpath=..').locator('button').first().click();
  await until(page, 'a phrase plays', 15, s => s.playing && s.time >= task.late - 0.1 && s.time < task.late + 20);
  await page.screenshot({ path: `${out}/${task.name}-phrase.png` });
  await phrase.locator('xpath=..').locator('button').first().click();
  const text = page.locator('textarea').first();
  await text.click();
  await page.keyboard.press('Control+End');
  await page.keyboard.type(' corrected');
  await page.waitForTimeout(500);
  return ' corrected';
}

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--mute-audio', '--force-color-profile=srgb'],
});
try {
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
  page.setDefaultTimeout(60000);
  await page.route('**/*', route => {
    const url = new URL(route.request().url());
    return url.host === new URL(studio).host || ['data:', 'blob:'].includes(url.protocol) ? route.continue() : route.abort();
  });
  await page.goto(studio + '/user/login/');
  await page.fill('input[name=email]', email);
  await page.fill('input[name=password]', password);
  await Promise.all([page.waitForURL(u => !String(u).includes('/user/login')), page.click('button[type=submit]')]);
  await page.goto(`${studio}/projects/${task.project}/data`); // else the first visit opens a task twice
  await page.getByText('Submitted annotations').first().waitFor();
  const began = Date.now();
  await page.goto(`${studio}/projects/${task.project}/data?task=${task.task}`);
  const opened = await until(page, 'the task is open', 240, s => s.errors || s.loaded && (task.kind === 'paragraphs' || s.regions === task.regions));
  const seconds = (Date.now() - began) / 1000;
  await page.screenshot({ path: `${out}/${task.name}.png` });
  assert(!opened.errors, `${task.name}: the page shows an error`);
  assert(Math.abs(opened.duration - task.duration) < 2, `${task.name}: the page shows ${opened.duration} s of ${task.duration}`);
  const corrected = await (task.kind === 'paragraphs' ? paragraphs : regionsByKeyboard)(page, task);
  const stored = page.waitForResponse(r => r.request().method() === 'POST' && /\/api\/tasks\/\d+\/annotations/.test(r.url()));
  if (task.kind === 'paragraphs') await page.getByRole('button', { name: 'Submit' }).click();
  else await page.keyboard.press('Control+Enter');
  assert((await stored).ok(), `${task.name}: Submit: ${(await stored).status()}`);
  console.log(JSON.stringify({ name: task.name, seconds, memory: memory(), corrected }));
} finally {
  await browser.close();
}
