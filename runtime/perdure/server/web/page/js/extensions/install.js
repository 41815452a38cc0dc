/** Installing an extension from a file: sent to the server, looked at, consented to. */

import { Problem } from "../api.js";
import { field, openDialog } from "../dialogs.js";
import { foreign, h } from "../dom.js";
import { bytes, line } from "../format.js";
import { asksList } from "./update.js";
import { extensionAddress } from "../router.js";

/** @param {import("../app.js").App} app */
export async function install(app) {
  const file = h("input", { type: "file", required: true });
  const uploaded = await openDialog({
    title: "Install an extension",
    accept: "Send",
    body: field("Package", file, "A package, as perdure pack makes it."),
    submit: () => app.api.upload("/v1/packages", file.files[0], { name: file.files[0].name.slice(0, 200) }),
  });
  if (!uploaded) return;
  await app.attempt(() => agreed(app, uploaded));
}

/** @param {import("../app.js").App} app @param {any} uploaded */
async function agreed(app, uploaded) {
  const order = { package: uploaded.package, ask: true };
  let installed = null;
  try {
    installed = await app.api.post("/v1/extensions", order);
  } catch (error) {
    const request = error instanceof Problem && error.code === "ConsentNeeded" ? error.data.request : null;
    if (!request) throw error;
    const digest = /** @type {Problem} */ (error).data.digest;
    installed = await openDialog({
      title: `Install ${line(request.name, 60)} ${line(request.version, 40)}?`,
      accept: "Grant and install",
      wide: true,
      body: [
        request.description ? h("p", { dir: "auto" }, line(request.description, 600)) : null,
        h("p", { class: "soft" }, `${bytes(uploaded.size)}; `, request.signer?.fingerprint ? ["signed by ", foreign(line(request.signer.name, 80))] : "not signed"),
        h("h3", {}, "It asks for"),
        asksList(request.asks),
      ],
      submit: () => app.api.post("/v1/extensions", { ...order, consent: { as_asked: true, digest } }),
    });
  }
  if (!installed) return;
  app.toast(`Version ${line(installed.version, 40)} is installed.`, "good");
  app.go(extensionAddress(installed.extension));
}
