// Passkeys: the browser makes or uses one, and the form carries its answer.
"use strict";

const PASSKEYS = "form[data-passkey]";

async function answered(form) {
    const options = JSON.parse(form.dataset.options);
    const credential = form.dataset.passkey === "create"
        ? await navigator.credentials.create({
            publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options),
        })
        : await navigator.credentials.get({
            publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options),
        });
    return JSON.stringify(credential.toJSON());
}

for (const form of document.querySelectorAll(PASSKEYS)) {
    form.addEventListener("submit", async (event) => {
        event.preventDefault();
        const problem = form.querySelector("[data-problem]");
        problem.hidden = true;
        try {
            form.elements.response.value = await answered(form);
        } catch {
            problem.hidden = false;
            return;
        }
        form.submit();
    });
}
