// The architecture as a tree: every row a layer, in call order, with the size of its map drawn beside it.
import { widget } from '../lib/view.js';
import { Picker } from './picker.js';
import './style.css';

export default widget((view) => new Picker(view).start());
