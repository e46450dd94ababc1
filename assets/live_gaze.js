// Gaze: what a person looks at is a value, not a toggle (see playground/components/gaze.py). Whoever shows it sets it,
// the newest one is asked for, and an answer to an older one changes nothing that the person has chosen since.
(() => {
  "use strict";
  const page = window.livePage;
  if (!page || page.gaze) return;

  const PATIENCE = 5000; // ms after which a look without an answer is given up: the server has the say again
  page.everyPart((own) => {
    const gazes = new Map(); // name -> {asked, answered: numbers of looks, since, send}
    own.gaze = (name) => {
      if (!gazes.has(name)) gazes.set(name, { asked: 0, answered: 0, since: 0, send: () => {} });
      return gazes.get(name);
    };
    // The person looks at `picked`; asks the server.
    own.look = (name, picked) => own.gaze(name).send(picked);
    // Whether the person has looked elsewhere since what the server answered last: then its answers don't move the mark.
    own.isAhead = (name) => {
      const { asked, answered, since } = own.gaze(name);
      return asked > answered && performance.now() - since < PATIENCE;
    };
  });
  const gaze = ({ element, props, trigger }) => {
    const part = page.at(element), own = part.gaze(props.gaze);
    own.send = (picked) => {
      own.asked += 1;
      own.since = performance.now();
      // a value, because Gradio repeats the data of the event before when it makes up for one that had to wait
      props.value = JSON.stringify({ at: own.asked, picked });
      trigger("input");
    };
    part.subscribe("gaze." + props.gaze, (at) => { own.answered = Math.max(own.answered, at); });
  };

  Object.assign(page, { gaze });
})();
