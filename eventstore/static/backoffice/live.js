/* The dashboard as it is now: asks every ten seconds, and moves nothing under a hand. */
'use strict';
{
    const SECONDS = 10;
    const toggle = document.querySelector('[data-live]');
    const said = document.querySelector('[data-live-said]');

    if (toggle) {
        let timer = null;
        let turn = 0; // an answer to an older question is thrown away
        const isOn = () => toggle.getAttribute('aria-pressed') === 'false';
        const parts = () => [...document.querySelectorAll('[data-live-part]')];

        /* Where the focus is, the pointer, or marked text: that part waits. */
        const isHeld = (part) => {
            const marked = window.getSelection();
            return part.contains(document.activeElement) ||
                (part.matches(':hover') && window.matchMedia('(hover: hover)').matches) ||
                (!marked.isCollapsed && marked.containsNode(part, true));
        };

        const swap = (page) => {
            const anchor = parts().find(isHeld);
            const before = anchor && anchor.getBoundingClientRect().top;
            for (const part of parts()) {
                const fresh = page.getElementById(part.id);
                if (fresh && !isHeld(part)) {
                    part.replaceWith(document.adoptNode(fresh));
                }
            }
            if (anchor) { // what grew above it pushed it down
                window.scrollBy(0, anchor.getBoundingClientRect().top - before);
            }
        };

        const ask = async () => {
            const mine = ++turn;
            let page = null;
            try {
                const answer = await fetch(window.location.href, {
                    credentials: 'same-origin',
                    headers: {'X-Asked-By': 'page'}, // nobody needs to be there for it
                });
                if (answer.ok && !answer.redirected) {
                    page = new DOMParser()
                        .parseFromString(await answer.text(), 'text/html');
                }
            } catch {
                page = null;
            }
            if (mine !== turn) {
                return;
            }
            if (!page) {
                said.textContent = toggle.dataset.stopped;
                toggle.setAttribute('aria-pressed', 'true');
                return;
            }
            said.textContent = '';
            swap(page);
            wait();
        };

        const wait = () => {
            clearTimeout(timer);
            if (isOn() && !document.hidden) {
                timer = setTimeout(ask, SECONDS * 1000);
            }
        };

        toggle.hidden = false;
        toggle.addEventListener('click', () => {
            toggle.setAttribute('aria-pressed', String(isOn()));
            const url = new URL(window.location);
            if (isOn()) {
                url.searchParams.delete('live');
            } else {
                url.searchParams.set('live', 'off');
            }
            window.history.replaceState(null, '', url);
            clearTimeout(timer);
            ask(); // once more, so that every link of the page says the same
        });
        document.addEventListener('visibilitychange', wait);
        wait();
    }
}
