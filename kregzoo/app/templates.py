"""HTML, JavaScript and CSS of the page."""

OPACITY = "v => document.documentElement.style.setProperty('--fade', v / 100)"

CHOOSE = """\
element.addEventListener("change", (event) => {
  props.value = event.target.value;
  trigger("change");
});"""

HEADER = """\
<h1>kregzoo</h1>
<p>Medical image registration by neural networks. Images stay on the machine that
serves this page.</p>"""

WELCOME = """\
<h2>No registration yet</h2>
<p>Drop a moving and a fixed image on the left, choose a preset that was trained on
similar images, and register.</p>"""

HEADING = """\
<h2>{} registered to {}</h2>
<p>by {}, on the grid of the fixed image</p>"""

CARDS = """\
<fieldset>
<legend>Preset</legend>
{{#each cards}}
<label>
<input type="radio" name="preset" value="{{name}}">
{{#if picture}}<img src="{{picture}}" alt="">{{/if}}
<div>
<b>{{name}}</b>
<p>{{data}}</p>
<p>{{transform}} · held-out {{accuracy}}</p>
<small>{{licence}}</small>
</div>
</label>
{{/each}}
</fieldset>"""

CSS = """\
.html-container { padding: 0 !important; }
h1 { font-size: 1.5rem; margin: 0.4rem 0 0; }
h2 { font-size: 1.1rem; }
#status { min-height: 4rem; }
#presets legend { color: var(--block-label-text-color); margin-bottom: 0.4rem; }
#presets fieldset { display: grid; gap: 0.5rem; max-height: 27rem; overflow-y: auto; }
#presets label {
  position: relative; display: grid; grid-template-columns: 5.5rem 1fr;
  gap: 0.8rem; padding: 0.6rem;
  border: 1px solid var(--border-color-primary); border-radius: 8px;
  background: var(--block-background-fill); cursor: pointer;
  font-size: 0.8rem; line-height: 1.4;
}
#presets label:has(:checked) {
  border-color: var(--primary-500); background: var(--primary-50);
}
#presets label:has(:focus-visible) { outline: 2px solid var(--primary-300); }
#presets input { position: absolute; inset: 0; opacity: 0; cursor: inherit; }
#presets img { width: 5.5rem; height: 5.5rem; object-fit: cover; border-radius: 5px; }
#presets p { margin: 0; }
#presets small, #view p, #status p { color: var(--body-text-color-subdued); }
.dark #presets label:has(:checked) { background: var(--neutral-800); }
.stage { display: grid; background: #0b0e14; border-radius: 8px; overflow: hidden; }
.stage img { grid-area: 1 / 1; max-width: 100%; max-height: 62vh; margin: auto; }
.stage .warped { opacity: var(--fade, 0.5); }
#view p { margin: 0.4rem 0 0; }
#metrics table {
  width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums;
  font-size: 0.9rem;
}
#metrics th, #metrics td {
  padding: 0.3rem 0.2rem; border-bottom: 1px solid var(--border-color-primary);
}
#metrics th { text-align: left; font-weight: 400; }
#metrics td { text-align: right; font-weight: 600; }
"""
