"""How a sheet of cards looks, on paper and on a screen.

Lengths are millimetres of the paper, as what is cut must fit. Black, and one grey for what matters less: nothing needs
colour, or a printer that prints backgrounds.
"""

from __future__ import annotations

from typing import Final

STYLE: Final = """\
@page { size: A4 portrait; margin: 0; }
* { box-sizing: border-box; margin: 0; padding: 0; }
:root { color-scheme: light; --ink: #000; --soft: #4a4a4a;
  --sans: "Inter", "Helvetica Neue", "Segoe UI", "Noto Sans", "Liberation Sans", Arial, sans-serif;
  --mono: ui-monospace, "SF Mono", "Cascadia Mono", "DejaVu Sans Mono", Menlo, Consolas, "Liberation Mono", monospace; }
body { font: 7.5pt/1.3 var(--sans); color: var(--ink); background: #e4e4e4; }
.about { max-width: 210mm; margin: 6mm auto 0; padding: 0 2mm; font-size: 10pt; line-height: 1.45; }
.about h1 { font-size: 14pt; margin-bottom: 1mm; overflow-wrap: anywhere; }
.sheet { position: relative; width: 210mm; height: 296.5mm; margin: 6mm auto; padding: 10mm 9mm; background: #fff;
  box-shadow: 0 1mm 4mm rgb(0 0 0 / 25%); overflow: hidden; break-after: page; break-inside: avoid; }
.sheet:last-of-type { break-after: auto; }
.sheet > svg { position: absolute; inset: 0; width: 210mm; height: 296.5mm; }
.foot { position: absolute; left: 14mm; right: 14mm; bottom: 4.6mm; display: flex; justify-content: space-between;
  gap: 6mm; font-size: 5.5pt; color: var(--soft); white-space: nowrap; }
.foot span:first-child { max-width: 78mm; overflow: hidden; text-overflow: ellipsis; }
.cards { position: relative; display: grid; grid-template-columns: 96mm 96mm; list-style: none; }

.card { display: grid; break-inside: avoid; overflow: hidden; min-width: 0; }
.card > * { min-width: 0; }
.card p, .card h2, .card dd, .card code { overflow-wrap: anywhere; }
.workshop { font-size: 6.6pt; font-weight: 600; letter-spacing: .07em; color: var(--soft); }
.name { font-weight: 700; line-height: 1.18; letter-spacing: -.01em; }
.alias { font: 6.2pt/1.3 var(--mono); color: var(--soft); }
.clamp { display: -webkit-box; -webkit-box-orient: vertical; overflow: hidden; }
.qr { display: block; }
.qr svg { display: block; width: 100%; height: 100%; shape-rendering: crispEdges; }
.label { font-size: 5.6pt; font-weight: 600; letter-spacing: .08em; text-transform: uppercase; color: var(--soft); }
.key { border: .35mm solid var(--ink); border-radius: 1.2mm; }
.key .label { float: left; background: #fff; padding: 0 1.2mm; line-height: 1; }
.key code { clear: both; display: block; font-family: var(--mono); font-weight: 600; line-height: 1.25;
  font-variant-ligatures: none; word-break: break-all; }
.key .none { clear: both; font-style: italic; }
dl { display: grid; grid-template-columns: max-content 1fr; column-gap: 3mm;
  align-content: start; align-items: baseline; }
dd { min-width: 0; }
dd.url { font-family: var(--mono); }

.eight .card { height: 69.125mm; padding: 5.5mm 5mm 3mm; grid-template: 25.5mm auto 1fr / 1fr 25.5mm; column-gap: 3mm; }
.eight .key, .eight dl { grid-column: 1 / -1; }
.eight header { overflow: hidden; }
.eight .qr { margin: -1.3mm -1.3mm 0 0; }
.eight .workshop, .eight .alias { -webkit-line-clamp: 2; }
.eight .name { margin: .7mm 0 1mm; font-size: 8.4pt; -webkit-line-clamp: 3; }
.eight .name.short { font-size: 16pt; -webkit-line-clamp: 2; }
.eight .name.middle { font-size: 12pt; -webkit-line-clamp: 2; }
.eight .key { margin: 1mm 0 2.6mm; padding: 0 2mm 1.1mm; }
.eight .key .label { margin: -.8mm 0 .8mm -1.2mm; }
.eight .key code { font-size: 10.3pt; }
.eight .key code.long { font-size: 6.8pt; }
.eight .key code.longest { font-size: 5.2pt; }
.eight dl { row-gap: .55mm; font-size: 8pt; }
.eight dd.url { font-size: 7.6pt; }
.eight .models { -webkit-line-clamp: 3; }
.eight .dense { padding: 3.5mm 5mm 1.5mm; grid-template-rows: 23mm auto 1fr; }
.eight .dense .workshop { -webkit-line-clamp: 1; }
.eight .dense .alias { font-size: 5.2pt; line-height: 1.3; -webkit-line-clamp: 3; }
.eight .dense .key { margin-bottom: 1.4mm; }
.eight .dense dl { row-gap: .1mm; font-size: 6.4pt; line-height: 1.18; }
.eight .dense dd.url { font-size: 5.8pt; }
.eight .dense .models { -webkit-line-clamp: 2; }

.four .card { height: 138.25mm; padding: 9mm 7mm 4mm; grid-template: minmax(25mm, auto) 48mm auto 1fr / 1fr; }
.four .workshop { font-size: 8pt; -webkit-line-clamp: 2; }
.four .name { margin: 1.4mm 0 1.6mm; font-size: 13pt; -webkit-line-clamp: 3; }
.four .name.short { font-size: 22pt; -webkit-line-clamp: 2; }
.four .name.middle { font-size: 16pt; -webkit-line-clamp: 2; }
.four .alias { font-size: 7pt; -webkit-line-clamp: 3; }
.four .qr { width: 47mm; height: 47mm; margin: 0 auto; }
.four .key { margin: 2mm 0 4.5mm; padding: 0 1.8mm 1.8mm; }
.four .key .label { margin: -.95mm 0 1.2mm -.5mm; }
.four .key code { font-size: 10pt; }
.four .key code.long { font-size: 7.6pt; }
.four .key code.longest { font-size: 6pt; }
.four dl { row-gap: 1.1mm; font-size: 9pt; }
.four .label { font-size: 6.4pt; }
.four dd.url { font-size: 8.4pt; }
.four .models { -webkit-line-clamp: 5; }
.four .dense { padding: 5mm 7mm 2.5mm; grid-template-rows: auto 35mm auto 1fr; }
.four .dense header { padding-bottom: 1.5mm; }
.four .dense .qr { width: 34.5mm; height: 34.5mm; }
.four .dense dl { row-gap: .5mm; font-size: 7.8pt; line-height: 1.2; }
.four .dense dd.url { font-size: 6.8pt; }
.four .dense .models { -webkit-line-clamp: 3; }
.four .dense .key { margin-bottom: 2.5mm; }

@media print {
  body { background: none; }
  .about { display: none; }
  .sheet { margin: 0; box-shadow: none; }
}
"""
