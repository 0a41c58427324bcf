// A client's key that the operator has just made or pasted: in memory, until the page is left.

let key = '';

export const remember = (value) => {
  key = value;
};
export const remembered = () => key;
